-- park: move an odd event from the events to apply to the charges to ask about.
-- KEYS[1] -> due:events        sorted set
-- KEYS[2] -> attempts:events   hash
-- KEYS[3] -> due:asks          sorted set
-- KEYS[4..] -> per event: event:<member>
-- ARGV    -> per event: member, what is odd (a code word)
-- Returns how many were moved; one that was done or parked meanwhile is left alone.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local moved = 0
for i = 1, #ARGV, 2 do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    moved = moved + 1
    redis.call('HDEL', KEYS[2], ARGV[i])
    redis.call('ZADD', KEYS[3], now, ARGV[i])
    local event = KEYS[3 + (i + 1) / 2]
    if redis.call('EXISTS', event) == 1 then redis.call('HSET', event, 'odd', ARGV[i + 1]) end
  end
end
return moved
