-- Says whether something is denied, and since when this Redis would know.
--
-- KEYS  the denial, the key that says since when this Redis remembers
-- Returns the time in microseconds, 1 if it is denied, and since when (microseconds).
--
-- One that was emptied remembers from now on; a full one cannot say since when, and then
-- knows nothing of before this moment. One that refuses to write for any other reason (a
-- disk that fails, too few copies of it) may have refused a denial too: its silence means
-- nothing, and its error is the answer.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local set = redis.pcall('SET', KEYS[2], now, 'NX')
if type(set) == 'table' and set.err and not string.find(set.err, 'OOM', 1, true) then
  return set
end
local since = redis.call('GET', KEYS[2]) or now
return {tonumber(now), redis.call('EXISTS', KEYS[1]), tonumber(since)}
