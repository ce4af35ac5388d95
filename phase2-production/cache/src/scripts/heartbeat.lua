-- Returns the time, if this Redis accepts writes.
--
-- KEYS  the key with the time since which this Redis has kept its data
-- Returns the time in microseconds.
--
-- A Redis that refuses to write for another reason than being full may have refused a
-- tombstone or denial, too: the script returns its error, and the replica's trust epoch
-- ends.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local set = redis.pcall('SET', KEYS[1], now, 'NX')
if type(set) == 'table' and set.err and not string.find(set.err, 'OOM', 1, true) then
  return set
end
return tonumber(now)
