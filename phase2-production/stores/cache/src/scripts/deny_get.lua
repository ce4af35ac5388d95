-- Looks up a denial, and the time since which this Redis has kept its data.
--
-- KEYS  the denial, the key with the time since which this Redis has kept its data
-- Returns the time in microseconds, 1 if it is denied, and that time (microseconds).
--
-- A flushed Redis starts that time now; a full one cannot store it and then returns the
-- current time. A Redis that refuses to write for another reason (a failing disk, too few
-- replicas) may have refused a denial, too: a missing key proves nothing then, so the
-- script returns the error.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local set = redis.pcall('SET', KEYS[2], now, 'NX')
if type(set) == 'table' and set.err and not string.find(set.err, 'OOM', 1, true) then
  return set
end
local since = redis.call('GET', KEYS[2]) or now
return {tonumber(now), redis.call('EXISTS', KEYS[1]), tonumber(since)}
