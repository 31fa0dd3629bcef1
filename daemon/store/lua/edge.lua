-- uses: log popular
-- flags: allow-oom
-- The second half of follows and unfollows, in their subjects' partition: orders them with the subjects' shares. Also when
-- memory is full, as what has been begun is to be ended.
-- KEYS: meta, log, then for each: followers, versions
-- ARGV: daemon, generation, partition, how long versions are kept in ms, prefix of the keys of popular subjects, then for each:
--       `follow`, `unfollow` or `gone`, reader, subject, version (the id of the follow entry; of `gone`: the
--       reader did not follow at this position, and whoever unfollowed may have left the edge), up to which id the subject's
--       shares stay visible although it is not followed (0: none)
-- Returns for each the edge's position ('0' if a newer version was applied before, or there is no edge) and 1 if the subject is
-- followed by that version, so that its shares are to be backfilled; or an error, if one of its keys is of another kind.
local log, refusal = log_open()
if not log then return refusal end
local notes = {}

local function apply(followers, versions, kind, reader, subject, version, kept)
  local stands = redis.call('ZSCORE', followers, reader) -- and an error comes before the first write
  if kind == 'gone' and not stands then return text(log.last), 0 end
  local follow = kind == 'follow'
  if redis.call('ZADD', versions, 'GT', 'CH', version, reader) == 0 then
    if redis.call('ZSCORE', versions, reader) ~= version then return '0', 0 end
    if (stands and true or false) == follow then return stands and text(tonumber(stands)) or '0', follow and 1 or 0 end
    -- What this version did is not there: it is done again.
  end
  -- An entry for every version, even if the followers stay as they are: some daemon may have read what stood in between.
  local id = text(log_append(log, 'k', follow and 'edge' or 'unedge', 's', subject, 'r', reader, 'v', version, 'h', kept))
  if follow then
    redis.call('ZADD', followers, id, reader)
    popular_note(notes, followers, subject, id)
  elseif stands then
    redis.call('ZREM', followers, reader)
    popular_note(notes, followers, subject, stands)
  end
  return id, follow and 1 or 0
end

local results = {}
for i = 3, #KEYS, 2 do
  local at = 6 + (i - 3) / 2 * 5
  local done, first, second =
    pcall(apply, KEYS[i], KEYS[i + 1], ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
  results[#results + 1], results[#results + 2] = done and first or redis.error_reply(first), second or 0
end
log_close(log)
popular_write(ARGV[5], notes)
-- Versions that can no longer matter go in passing: a few of one subject for each batch.
local versions = KEYS[4 + 2 * (log.now % ((#KEYS - 2) / 2))]
local horizon = '(' .. log_horizon(log, tonumber(ARGV[4]))
for _, reader in ipairs(redis.call('ZRANGE', versions, '-inf', horizon, 'BYSCORE', 'LIMIT', 0, 64)) do
  redis.call('ZREM', versions, reader)
end
return results
