/* The table of commands, in the order of the help. */
#include "command.h"

#include <string.h>

const struct command *const commands[] = {
    &command_share,     &command_reshare,   &command_edit,     &command_delete,  &command_show,
    &command_follow,    &command_unfollow,  &command_following, &command_followers, &command_timeline, &command_profile, &command_comment,
    &command_delete_comment, &command_dialogue, &command_watch, &command_destination, &command_site,
    &command_popular,   &command_suggest,
    &command_describe,  &command_subjects,  &command_find,     &command_block,   &command_unblock,
    &command_mute,      &command_unmute,    &command_blocked,  &command_delete_subject,
    &command_mark_read, &command_unread,    &command_presence, &command_inbox,
    &command_import_graph, &command_import_shares, &command_ping,
#define ADMIN(id, word, arguments, options, help) &command_admin_##id,
#include "admin.def"
#undef ADMIN
    &command_top,
    &command_completion, NULL,
};

bool command_is_of_group(const struct command *command, const char *group, const char **ret_word)
{
    size_t length = strlen(group);

    if (strncmp(command->name, group, length) != 0 || command->name[length] != ' ')
        return false;
    if (ret_word != NULL)
        *ret_word = command->name + length + 1;
    return true;
}

const struct command_option global_options[] = {
    { "server", "ADDRESS", "HOST:PORT or unix:PATH (default: $FEEDD_SERVER, else 127.0.0.1:7420; for operators $FEEDD_ADMIN, "
      "else where feedd has its admin socket)", false },
    { "json", NULL, "print one JSON object a line", false },
    { "help", NULL, "show this help, or that of a command", false },
    { "version", NULL, "show the version", false },
    { 0 },
};
