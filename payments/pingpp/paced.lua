-- paced: note how a call went: its place in flight is free again, and the pace is lowered or raised for all.
-- KEYS[1] -> pace        hash: rate (calls a second; there only while lowered), slowed (ms, when it was halved),
--                        told (ms, of the last call that it was raised or lowered for)
-- KEYS[2] -> in_flight   sorted set
-- ARGV[1] -> the place; empty: the call took none
-- ARGV[2] -> calls a second at full pace
-- ARGV[3] -> `slow`: lower it; `ok`: raise it; `unknown`: neither
-- ARGV[4] -> ms of calls that succeed from the floor of one call a second to full pace
-- ARGV[5] -> ms that one of them counts for at the most
-- Returns the rate if it was halved or is full again, else nothing.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local full, told = tonumber(ARGV[2]), nil
local held = redis.call('HMGET', KEYS[1], 'rate', 'slowed', 'told')
local rate = math.min(tonumber(held[1]) or full, full)
if ARGV[1] ~= '' then redis.call('ZREM', KEYS[2], ARGV[1]) end
if ARGV[3] == 'slow' then
  -- Calls that fail together are one piece of news: once a second.
  local slowed = now - (tonumber(held[2]) or 0)
  if rate > 1 and (slowed >= 1000 or slowed < 0) then
    rate = math.max(1, rate / 2)
    told = string.format('%.2f', rate)
    redis.call('HSET', KEYS[1], 'rate', string.format('%.4f', rate), 'slowed', now)
  end
  redis.call('HSET', KEYS[1], 'told', now)
elseif ARGV[3] == 'ok' and held[1] then
  -- By time, so that many calls raise it no faster than few; a silence says nothing, so it counts for little.
  local since = math.max(0, math.min(ARGV[5], now - (tonumber(held[3]) or now)))
  rate = rate + (full - 1) * since / ARGV[4]
  if rate < full then
    redis.call('HSET', KEYS[1], 'rate', string.format('%.4f', rate), 'told', now)
  else
    redis.call('HDEL', KEYS[1], 'rate', 'told')
    told = string.format('%.2f', full)
  end
end
return told
