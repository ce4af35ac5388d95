-- Looks a session up and, if it is a use, lets it live on: one round trip.
--
-- KEYS  the session, the key that says since when this Redis remembers
-- ARGV  the idle time in milliseconds, or 0 to only look
-- Returns the time in microseconds, and "none", or "ended" (a tombstone), or
-- "live", the cached value, and the milliseconds that it has left.
--
-- A use is an EXPIRE and nothing else: it cannot bring back what is gone, cannot overwrite
-- what somebody else wrote, and never goes beyond the absolute end that the value names.
-- This runs with every request, so the way of a live session that is used is short: a read,
-- a write, and no JSON. The end is the second field of what `sessions.rs` writes, and what a
-- caller wants to know comes after it.
--
-- A Redis that refuses to write (a disk that fails, too few copies of it) may have refused a
-- tombstone too: what it still holds is not to be believed. Its PEXPIRE is an error then, and
-- that is the answer; a look writes as well, only to find out.
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

-- Whoever finds nothing will read the truth and fill. If Redis is emptied meanwhile, a
-- tombstone may be lost; "since" is lost with it, and the fill is refused (session_fill.lua).
-- A full Redis cannot say since when it remembers, and then nothing is filled: no harm.
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
