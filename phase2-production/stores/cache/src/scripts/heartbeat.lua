-- Returns the time and the identity of this Redis, if it accepts writes.
--
-- KEYS  the key with the time since which this Redis has kept its data, the key with the Redis
--       that timed it
-- Returns the time in microseconds, the run id (new with each process), the replication id
-- (new with each promotion), the eviction policy, and the number of evicted keys.
--
-- One script, so that all of it is about one server. A Redis that refuses to write for another
-- reason than being full may have refused a tombstone or denial, too: the script returns its
-- error, and the replica's trust epoch ends.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local set = redis.pcall('SET', KEYS[1], now, 'NX')
if type(set) == 'table' and set.err and not string.find(set.err, 'OOM', 1, true) then
  return set
end

-- Each section by its own call, because Redis 6 takes one.
local function read(section, field)
  local info = redis.call('INFO', section)
  return string.match(info, '\n' .. field .. ':([^\r\n]*)') or ''
end
local run_id, replication_id = read('server', 'run_id'), read('replication', 'master_replid')

-- After a failover the time is of another clock, and entries from before may be missing. A full
-- Redis cannot store the time; then the copies in it are not used.
local identity = run_id .. '/' .. replication_id
if redis.call('GET', KEYS[2]) ~= identity then
  redis.pcall('SET', KEYS[1], now)
  redis.pcall('SET', KEYS[2], identity)
end
return {
  tonumber(now),
  run_id,
  replication_id,
  read('memory', 'maxmemory_policy'),
  tonumber(read('stats', 'evicted_keys')) or 0,
}
