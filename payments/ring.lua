-- ring: set the bell of a due set that has something due, unless it rings already.
-- KEYS[1] -> due:<what>    sorted set
-- KEYS[2] -> bell:<what>   string with a TTL
-- ARGV[1] -> how long a bell may ring unheard, ms
-- Returns 1: the caller is the one who has to enqueue the job.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if #redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1) == 0 then return 0 end
return redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[1]) and 1 or 0
