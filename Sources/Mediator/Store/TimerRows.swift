import Postgres
import Values

/// Due timers, of each version its share; a row without an id tells that there are operators' commands.
///
/// Everything is asked of one index, `instances_wake` (shard, definition, status, wake_at): which versions have timers at
/// all, how many instances of each are running, and which timers are due first. So the question costs about the same
/// whether a hundred timers are due or a hundred thousand.
enum TimerRows {
  static func parameters(_ shard: Int32, _ now: Timestamp, _ quota: TimerQuota) -> [PostgresValue] {
    let weights = quota.weights.sorted { $0.key < $1.key }
    return [
      .int4(shard), .timestamp(now.microseconds), .int8(Int64(quota.limit)), .int8(Int64(quota.maxRunning)),
      .int4s(weights.map(\.key)), .int4s(weights.map { Int32(clamping: $0.value) }),
    ]
  }

  static let due = """
    with recursive kinds(definition, status) as (
      (select definition, status from instances where shard = $1 and wake_at is not null
        order by definition, status limit 1)
      union all
      select next.definition, next.status
        from kinds k cross join lateral (
             select i.definition, i.status from instances i
              where i.shard = $1 and i.wake_at is not null and (i.definition, i.status) > (k.definition, k.status)
              order by i.definition, i.status limit 1) as next
    ), shares as (
      select definition, status,
             case when status = 'running' then $3::int8
                  else least($3::int8, $4::int8 - (
                    select count(*) from (
                      select from instances r
                       where r.shard = $1 and r.definition = k.definition and r.status = 'running'
                         and r.wake_at is not null limit $4::int8) as running)) end as share
        from kinds k
    )
    (select due.id
      from shares s left join unnest($5::int4[], $6::int4[]) as w(definition, weight) using (definition)
           cross join lateral (
             select first.id, first.wake_at, row_number() over (order by first.wake_at) as place from (
               select i.id, i.wake_at from instances i
                where i.shard = $1 and i.definition = s.definition and i.status = s.status and i.wake_at <= $2
                order by i.wake_at limit s.share) as first) as due
     order by (due.place - 1) / coalesce(w.weight, 1), due.wake_at limit $3::int8)
    union all
    select null where exists (select from commands where shard = $1)
    """
}
