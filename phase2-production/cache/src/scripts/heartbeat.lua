-- Says the time, if this Redis still takes what it is told.
--
-- KEYS  the key that says since when this Redis remembers
-- Returns the time in microseconds.
--
-- One that refuses to write for any other reason than being full may have refused a
-- tombstone or a denial too: its error is the answer, and raises doubt in whoever asked.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local set = redis.pcall('SET', KEYS[1], now, 'NX')
if type(set) == 'table' and set.err and not string.find(set.err, 'OOM', 1, true) then
  return set
end
return tonumber(now)
