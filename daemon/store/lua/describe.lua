-- uses: log
-- Says what a subject is called and what there is to know of it, or nothing any more ('' as the record).
-- KEYS: meta, log, the subject's description, words
-- ARGV: daemon, generation, partition, subject, record, name, then what it is found by: members of words
-- Returns the position and whether that was said already.
local held = redis.call('HMGET', KEYS[3], 'record', 'at', 'words')
local members = {}
for i = 7, #ARGV do members[#members + 1] = ARGV[i] end
local words = table.concat(members, '\t') -- which no member holds
local log, refusal = log_open()
if not log then return refusal end
if (held[1] or '') == ARGV[5] and (held[3] or '') == words then return {held[2] or text(log.last), 1} end
redis.call('ZCARD', KEYS[4]) -- an error comes before the first write

local id = text(log_append(log, 'k', 'subject', 's', ARGV[4], 'n', ARGV[6]))
log_close(log)
for member in string.gmatch(held[3] or '', '[^\t]+') do redis.call('ZREM', KEYS[4], member) end
if ARGV[5] == '' then
  redis.call('UNLINK', KEYS[3])
else
  redis.call('HSET', KEYS[3], 'record', ARGV[5], 'name', ARGV[6], 'words', words, 'at', id)
  for i = 1, #members do redis.call('ZADD', KEYS[4], 0, members[i]) end
end
return {id, 0}
