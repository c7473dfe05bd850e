-- replay: have an event applied again, as long as its body is there.
-- KEYS[1] -> body:<member>      string
-- KEYS[2] -> due:events         sorted set
-- KEYS[3] -> attempts:events    hash
-- ARGV[1] -> member
-- Returns 1, or 0 if the body is gone.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local time = redis.call('TIME')
redis.call('PERSIST', KEYS[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return 1
