-- Puts one back into a bucket, as long as its window lasts. One that is full stays full, and
-- one whose window has passed is not made anew: it would have no end.
if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then
  redis.call('DECR', KEYS[1])
end
