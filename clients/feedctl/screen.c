/* See screen.h. ncurses knows the terminals; this file alone knows ncurses. */
#include "screen.h"

#include <langinfo.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ncurses.h>
#include <term.h>
#include <uniwidth.h>
#include <unistr.h>

#include "view.h"

#define KEY_CTRL_C 3
#define KEY_ESCAPE 27

/* What stands in texts for a change of looks. */
enum mark { MARK_BOLD = 1, MARK_DIM, MARK_ACCENT, MARK_PLAIN };

static SCREEN *screen;

/* Asked beforehand, as newterm() leaves memory behind where it is not. */
static bool is_known_terminal(void)
{
    int error;
    bool known = setupterm(NULL, STDOUT_FILENO, &error) == OK;

    if (known)
        del_curterm(cur_term);
    return known;
}

bool screen_open(void)
{
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8"); /* all text is UTF-8 */
    if (!is_known_terminal())
        return false;
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return false;
    set_term(screen);
    raw(); /* Ctrl-C is a key, so that the terminal is always given back */
    noecho();
    curs_set(0);
    nodelay(stdscr, TRUE);
    view_style = (struct view_style){ "\001", "\002", "\003", "\004" };
    return true;
}

void screen_close(void)
{
    endwin();
    delscreen(screen);
    screen = NULL;
}

size_t screen_rows(void)
{
    return (size_t)LINES;
}

static void switch_to(enum mark mark)
{
    switch (mark) {
    case MARK_BOLD:
        attrset(A_BOLD);
        return;
    case MARK_DIM:
        attrset(A_DIM);
        return;
    case MARK_ACCENT:
        attrset(A_UNDERLINE);
        return;
    case MARK_PLAIN:
        attrset(A_NORMAL);
        return;
    }
}

/* One line up to its end, as far as it fits. Returns where the next one begins, or the end of the text. */
static const char *draw_line(int row, const char *text)
{
    int column = 0;

    move(row, 0);
    while (*text != '\0' && *text != '\n') {
        ucs4_t character;
        int bytes = u8_strmbtouc(&character, (const uint8_t *)text);
        int width = bytes > 0 ? uc_width(character, "UTF-8") : 0;

        if (*text >= MARK_BOLD && *text <= MARK_PLAIN)
            switch_to((enum mark)*text);
        else if (bytes > 0 && width >= 0 && column + width <= COLS)
            addnstr(text, bytes);
        column += width > 0 ? width : 0;
        text += bytes > 0 ? bytes : 1;
    }
    clrtoeol();
    return *text == '\n' ? text + 1 : text;
}

void screen_draw(const char *text)
{
    int row = 0;

    for (; *text != '\0' && row < LINES; row++)
        text = draw_line(row, text);
    attrset(A_NORMAL);
    move(row, 0);
    clrtobot();
    refresh();
}

bool screen_wants_to_leave(void)
{
    int key;

    while ((key = getch()) != ERR)
        if (key == 'q' || key == 'Q' || key == KEY_CTRL_C || key == KEY_ESCAPE)
            return true;
    return false;
}
