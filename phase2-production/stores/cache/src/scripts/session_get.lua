-- Looks up a session and, if it is a use, extends its idle time: one round trip.
--
-- KEYS  the session, the key with the time since which this Redis has kept its data
-- ARGV  the idle time in milliseconds, or 0 for a lookup without a use
-- Returns the time in microseconds, and "none", or "ended" (a tombstone), or
-- "live", the cached value, and its remaining milliseconds.
--
-- A use is a PEXPIRE and nothing else: it cannot restore a removed key, cannot overwrite a value
-- of another replica, and never extends beyond the absolute end in the value. The script runs
-- with most requests, so the path of a live session in use is short: a read, a write, no JSON
-- parser. The end is the second field of the value that `sessions.rs` writes, before the
-- caller's data.
--
-- A Redis that refuses to write (a failing disk, too few replicas) may have refused a tombstone,
-- too, so its copies must not be used. PEXPIRE fails then, and the script returns that error;
-- a lookup without a use writes a key as well, only to detect this.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local value = redis.call('GET', KEYS[1])
local idle = tonumber(ARGV[1])
if value and value ~= 'ended' and idle > 0 then
  local ends_at = tonumber(string.match(value, '"ends_at":(%d+)'))
  local left = math.min(idle, ends_at - math.floor(now / 1000))
  local used = redis.pcall('PEXPIRE', KEYS[1], left)
  if type(used) == 'table' and used.err then
    return used
  end
  if left > 0 then
    return {now, 'live', value, left}
  end
  value = false
end

-- On a miss the caller reads the database and fills. If Redis is flushed meanwhile, a tombstone may
-- be lost; the time in KEYS[2] is lost with it, and the fill is refused (session_fill.lua).
-- A full Redis cannot store that time, and then every fill is refused, which is safe.
local set = redis.pcall('SET', KEYS[2], string.format('%.0f', now), 'NX')
if type(set) == 'table' and set.err and not string.find(set.err, 'OOM', 1, true) then
  return set
end
if not value then
  return {now, 'none'}
end
if value == 'ended' then
  return {now, 'ended'}
end
return {now, 'live', value, redis.call('PTTL', KEYS[1])}
