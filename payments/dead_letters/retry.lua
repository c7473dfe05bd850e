-- retry: give a dead letter back to the due set it came from, with a new count of attempts.
-- KEYS[1] -> dead_letters       sorted set
-- KEYS[2] -> dead_letter:<id>   hash
-- KEYS[3] -> due:<what>         sorted set
-- KEYS[4] -> attempts:<what>    hash
-- KEYS[5] -> body:<member>      string, kept as long as it waits
-- ARGV[1] -> id, ARGV[2] -> member
-- Returns 1, or 0 if the letter was ended meanwhile.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
local time = redis.call('TIME')
redis.call('DEL', KEYS[2])
redis.call('HDEL', KEYS[4], ARGV[2])
redis.call('PERSIST', KEYS[5])
redis.call('ZADD', KEYS[3], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[2])
return 1
