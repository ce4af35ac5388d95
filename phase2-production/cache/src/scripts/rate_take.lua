-- Takes from a bucket that is full again when its window has passed.
--
-- KEYS  the bucket
-- ARGV  how many fit in it, the window in milliseconds, how many to take
-- Returns how many are left and 0, or -1 and the milliseconds to wait.
--
-- The window begins with the first taken and ends by Redis' own clock, so all replicas share
-- one. Being refused takes nothing: who keeps trying is not kept out longer.
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
