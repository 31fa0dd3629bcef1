/* A terminal's whole screen, drawn anew each time. Text is UTF-8; the marks in it that view_style holds after screen_open()
 * switch how what follows looks. */
#ifndef FEEDCTL_SCREEN_H
#define FEEDCTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

/* Takes the terminal over. False: it is none that this can be done with, and nothing has changed. */
bool screen_open(void);
/* Gives it back as it was. */
void screen_close(void);

size_t screen_rows(void);

/* Shows the lines of `text`; what does not fit is cut. */
void screen_draw(const char *text);

/* Whether somebody has asked to leave: q, Escape or Ctrl-C. Does not wait. The size is looked at here, too. */
bool screen_wants_to_leave(void);

#endif
