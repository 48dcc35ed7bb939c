// Echo on libuv: one read buffer for the loop (a callback consumes it before the next is asked
// for), uv_try_write first, and a write request only for what the kernel did not take.
#include <signal.h>
#include <string.h>
#include <uv.h>

#include "rival.h"

static char buffer[64 * 1024];

struct Rest {
  uv_write_t request;
  char bytes[];
};

static void lend(uv_handle_t* peer, size_t suggested, uv_buf_t* into) {
  (void)peer, (void)suggested;
  *into = uv_buf_init(buffer, sizeof buffer);
}

static void on_closed(uv_handle_t* peer) { free(peer); }

static void drop(uv_stream_t* peer) {
  if (!uv_is_closing((uv_handle_t*)peer)) {
    uv_close((uv_handle_t*)peer, on_closed);
  }
}

static void on_read(uv_stream_t* peer, ssize_t got, const uv_buf_t* buf);

static void on_written(uv_write_t* request, int status) {
  uv_stream_t* peer = request->handle;
  free(request->data);
  if (status != 0) {
    drop(peer);
  } else {
    uv_read_start(peer, lend, on_read);
  }
}

static void on_read(uv_stream_t* peer, ssize_t got, const uv_buf_t* buf) {
  if (got == 0) {
    return;  // would block
  }
  if (got < 0) {
    drop(peer);
    return;
  }
  uv_buf_t out = uv_buf_init(buf->base, (unsigned)got);
  int sent = uv_try_write(peer, &out, 1);
  if (sent == got) {
    return;
  }
  if (sent < 0 && sent != UV_EAGAIN) {
    drop(peer);
    return;
  }
  size_t done = sent < 0 ? 0 : (size_t)sent;
  size_t left = (size_t)got - done;
  struct Rest* rest = malloc(sizeof *rest + left);
  if (rest == NULL) {
    drop(peer);
    return;
  }
  memcpy(rest->bytes, buf->base + done, left);
  rest->request.data = rest;
  uv_buf_t remaining = uv_buf_init(rest->bytes, (unsigned)left);
  uv_read_stop(peer);  // until the rest is out
  uv_write(&rest->request, peer, &remaining, 1, on_written);
}

static void on_connection(uv_stream_t* listener, int status) {
  if (status != 0) {
    return;
  }
  uv_tcp_t* peer = malloc(sizeof *peer);
  if (peer == NULL) {
    return;
  }
  uv_tcp_init(listener->loop, peer);
  if (uv_accept(listener, (uv_stream_t*)peer) != 0) {
    drop((uv_stream_t*)peer);
    return;
  }
  uv_tcp_nodelay(peer, 1);
  uv_read_start((uv_stream_t*)peer, lend, on_read);
}

static void on_term(uv_signal_t* handle, int number) {
  (void)number;
  uv_stop(handle->loop);
}

int main(int argc, char** argv) {
  unsigned short port = rival_port(argc, argv);
  signal(SIGPIPE, SIG_IGN);
  uv_loop_t* loop = uv_default_loop();
  uv_signal_t term;
  uv_signal_init(loop, &term);
  uv_signal_start(&term, on_term, SIGTERM);

  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  struct sockaddr_in address;
  uv_ip4_addr("127.0.0.1", port, &address);
  int error = uv_tcp_bind(&listener, (const struct sockaddr*)&address, 0);
  if (error == 0) {
    error = uv_listen((uv_stream_t*)&listener, 4096, on_connection);
  }
  if (error != 0) {
    fprintf(stderr, "listen: %s\n", uv_strerror(error));
    return 1;
  }
  uv_os_fd_t descriptor;
  uv_fileno((uv_handle_t*)&listener, &descriptor);
  rival_announce(descriptor);
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
