/* Loaded before a program, it holds the threads of the addon up before they take a mutex of Node's. Those of the addon
   itself, which are SQLite's, are not Node's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int is_node(void *caller) {
  Dl_info image;
  return dladdr(caller, &image) && !strstr(image.dli_fname, "smalltalk-native");
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
  static int (*lock)(pthread_mutex_t *);
  if (!lock) lock = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
  char thread[17] = {0};
  prctl(PR_GET_NAME, thread);
  if (strncmp(thread, "smalltalk", 9) == 0 && is_node(__builtin_return_address(0))) usleep(100 * 1000);
  return lock(mutex);
}
