/*
 * floor N LOG: what the machine itself costs. N times: a shell command, a second one that checks it, and
 * three lines appended to LOG, each on the disk before the next thing happens. No tool that keeps a
 * durable record of a step can be cheaper by much.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void durable(int log, int step, const char *event) {
  char line[128];
  int length = snprintf(line, sizeof line, "{\"step\":%d,\"event\":\"%s\"}\n", step, event);
  if (write(log, line, length) != length || fdatasync(log)) exit(3);
}

static void shell(void) {
  char *argv[] = {"sh", "-c", "/bin/true", 0};
  int status;
  pid_t child = vfork();
  if (child == 0) {
    execve("/bin/sh", argv, environ);
    _exit(127);
  }
  if (waitpid(child, &status, 0) != child || status) exit(1);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int log = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return 2;
  for (int step = 1; step <= atoi(argv[1]); step++) {
    durable(log, step, "started");
    shell();
    durable(log, step, "acted");
    shell();
    durable(log, step, "verified");
  }
}
