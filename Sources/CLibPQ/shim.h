// eventfd(2) is not in the Glibc module; a connection needs it to be woken out of poll(2).
#include <sys/eventfd.h>

#include <postgresql/libpq-fe.h>
