-- discard: end a dead letter; its body stays for the raw retention.
-- KEYS[1] -> dead_letters       sorted set
-- KEYS[2] -> dead_letter:<id>   hash
-- KEYS[3] -> body:<member>      string
-- KEYS[4..] -> due sets in which the member may wait again: then the body must not expire
-- ARGV[1] -> id, ARGV[2] -> raw retention (s), ARGV[3] -> member
-- Returns 1, or 0 if the letter was ended meanwhile.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('DEL', KEYS[2])
for i = 4, #KEYS do
  if redis.call('ZSCORE', KEYS[i], ARGV[3]) then return 1 end
end
redis.call('EXPIRE', KEYS[3], ARGV[2])
return 1
