-- Looks a session up and, if it is a use, lets it live on: one round trip.
--
-- KEYS  the session, the key that says since when this Redis remembers
-- ARGV  the idle time in milliseconds, or 0 to only look
-- Returns the time in microseconds, and "none", or "ended" (a tombstone), or
-- "live", the cached value, and the milliseconds that it has left.
--
-- A use is an EXPIRE and nothing else: it cannot bring back what is gone, cannot overwrite
-- what somebody else wrote, and never goes beyond the absolute end that the value names.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
-- Whoever finds nothing will read the truth and fill. If Redis is emptied meanwhile, a
-- tombstone may be lost; "since" is lost with it, and the fill is refused (session_fill.lua).
-- A full Redis cannot say since when it remembers, and then nothing is filled: no harm. One
-- that refuses to write for any other reason (a disk that fails, too few copies of it) may
-- have refused a tombstone too: what it still holds is not to be believed.
local set = redis.pcall('SET', KEYS[2], string.format('%.0f', now), 'NX')
if type(set) == 'table' and set.err and not string.find(set.err, 'OOM', 1, true) then
  return set
end

local value = redis.call('GET', KEYS[1])
if not value then
  return {now, 'none'}
end
if value == 'ended' then
  return {now, 'ended'}
end

local idle = tonumber(ARGV[1])
local left = redis.call('PTTL', KEYS[1])
if idle > 0 then
  left = math.min(idle, cjson.decode(value).ends_at - math.floor(now / 1000))
  redis.call('PEXPIRE', KEYS[1], left)
  if left <= 0 then
    return {now, 'none'}
  end
end
return {now, 'live', value, left}
