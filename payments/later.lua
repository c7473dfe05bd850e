-- later: put members off that are still there; one that was done meanwhile stays done.
-- KEYS[1] -> due:<what>        sorted set
-- KEYS[2] -> attempts:<what>   hash: attempts begun, since when it waits (ms), last error; blanks between
-- ARGV    -> per member: member, delay (ms), last error, 1: set its count of attempts back
-- Returns how many were put off.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local put_off = 0
for i = 1, #ARGV, 4 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
    put_off = put_off + 1
    redis.call('ZADD', KEYS[1], now + ARGV[i + 1], ARGV[i])
    local tried = redis.call('HGET', KEYS[2], ARGV[i]) or string.format('1 %.0f', now)
    local attempts, since = string.match(tried, '^(%d+) (%d+)')
    if ARGV[i + 3] == '1' then attempts = 0 end
    redis.call('HSET', KEYS[2], ARGV[i], attempts .. ' ' .. since .. ' ' .. ARGV[i + 2])
  end
end
return put_off
