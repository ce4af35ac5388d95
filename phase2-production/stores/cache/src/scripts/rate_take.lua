-- Takes from a bucket that is refilled at the end of its window.
--
-- KEYS  the bucket
-- ARGV  its limit, the window in milliseconds, how many to take
-- Returns the remaining number and 0, or -1 and the milliseconds to wait.
--
-- The window starts with the first request and ends by Redis' clock, so all replicas
-- share it. A refused request takes nothing and does not extend the wait.
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
if tonumber(redis.call('GET', KEYS[1]) or '0') >= limit then
  local wait = redis.call('PTTL', KEYS[1])
  return {-1, wait > 0 and wait or window}
end
local taken = redis.call('INCRBY', KEYS[1], ARGV[3])
if taken == tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], window)
end
return {math.max(limit - taken, 0), 0}
