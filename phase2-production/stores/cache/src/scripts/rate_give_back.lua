-- Returns one to a bucket while its window lasts. A full bucket stays full, and a bucket
-- without a window is not created again, because it would never expire.
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then
  redis.call('DECR', KEYS[1])
end
