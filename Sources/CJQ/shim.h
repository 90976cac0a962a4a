#include <jv.h>
#include <jq.h>
/* What libjq matches regular expressions with: its limits are set, nothing else of it is used. */
#include <oniguruma.h>
