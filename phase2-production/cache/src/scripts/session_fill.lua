-- Caches a session that was read from the truth, unless somebody knows better.
--
-- KEYS  the session, the key that says since when this Redis remembers
-- ARGV  the value, its idle time left in milliseconds, its version,
--       when it was read (Redis' clock, microseconds, from session_get.lua),
--       its absolute end (milliseconds since 1970)
-- Returns "stored", or why not: "ended", "known", "late", "over".
--
-- The race that this closes: a reader finds nothing here and reads a live session from the
-- truth; the session is ended, in the truth and here; the slow reader now fills in what it
-- read. A tombstone wins over any fill. If the tombstone was lost because Redis was emptied,
-- then what was read before Redis began to remember is too late.
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
local version, read_at = tonumber(ARGV[3]), tonumber(ARGV[4])

local since = redis.call('GET', KEYS[2])
if not since or tonumber(since) > read_at then
  return 'late'
end

local left = tonumber(ARGV[2])
local value = redis.call('GET', KEYS[1])
if value == 'ended' then
  return 'ended'
end
if value then
  local there = cjson.decode(value)
  if there.version > version or (there.version == version and there.read_at >= read_at) then
    return 'known'
  end
  -- Somebody may have used it since it was read.
  left = math.max(left, redis.call('PTTL', KEYS[1]))
end

left = math.min(left, tonumber(ARGV[5]) - now)
if left <= 0 then
  return 'over'
end
redis.call('PSETEX', KEYS[1], left, ARGV[1])
return 'stored'
