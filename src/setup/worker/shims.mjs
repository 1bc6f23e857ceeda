/**
 * The folders that stand in for mediasoup's bundled dependencies when its worker is built against Debian's libraries.
 *
 * `worker/meson.build` asks each subproject for variables by name; a shim answers with the system library under that
 * name, and with an empty static library where the variable is only wanted for `link_whole`.
 */

const EMPTY_LIBRARY = (name) => `${name} = static_library('empty-${name}', 'empty.cpp')`;

/** A meson project of the given lines beside the empty translation unit that `link_whole` needs. */
function project(name, lines) {
  return {
    'meson.build': [`project('${name}', ['c', 'cpp'])`, ...lines, ''].join('\n'),
    'empty.cpp': '// Nothing to link: the system library is used.\n',
  };
}

/**
 * mediasoup speaks libsrtp's version 3 API, Debian 12 has version 2, which works in place and counts in int. C++ lets
 * the version 3 signatures stand beside the version 2 functions of the same names as overloads.
 */
const SRTP3_HEADER = `#pragma once
#include <srtp2/srtp.h>
#include <climits>
#include <cstdint>
#include <cstring>

static constexpr srtp_err_status_t srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(28);
static constexpr srtp_err_status_t srtp_err_status_cryptex_err = static_cast<srtp_err_status_t>(29);

using srtp2_in_place_t = srtp_err_status_t (*)(srtp_t, void*, int*);

static inline srtp_err_status_t srtp2_call(srtp2_in_place_t function, size_t growth, srtp_t session,
                                           const uint8_t* in, size_t inLen, uint8_t* out, size_t* outLen)
{
  if (inLen > INT_MAX - growth || *outLen < inLen + growth) return srtp_err_status_buffer_small;
  if (out != in) std::memmove(out, in, inLen);
  int len = static_cast<int>(inLen);
  const srtp_err_status_t status = function(session, out, &len);
  if (status == srtp_err_status_ok) *outLen = static_cast<size_t>(len);
  return status;
}

static inline srtp_err_status_t srtp_protect(srtp_t s, const uint8_t* in, size_t n, uint8_t* out, size_t* m, size_t)
{
  return srtp2_call(static_cast<srtp2_in_place_t>(::srtp_protect), SRTP_MAX_TRAILER_LEN, s, in, n, out, m);
}

static inline srtp_err_status_t srtp_unprotect(srtp_t s, const uint8_t* in, size_t n, uint8_t* out, size_t* m)
{
  return srtp2_call(static_cast<srtp2_in_place_t>(::srtp_unprotect), 0, s, in, n, out, m);
}

static inline srtp_err_status_t srtp_protect_rtcp(srtp_t s, const uint8_t* in, size_t n, uint8_t* out, size_t* m, size_t)
{
  return srtp2_call(static_cast<srtp2_in_place_t>(::srtp_protect_rtcp), SRTP_MAX_TRAILER_LEN + 4, s, in, n, out, m);
}

static inline srtp_err_status_t srtp_unprotect_rtcp(srtp_t s, const uint8_t* in, size_t n, uint8_t* out, size_t* m)
{
  return srtp2_call(static_cast<srtp2_in_place_t>(::srtp_unprotect_rtcp), 0, s, in, n, out, m);
}

static inline srtp_err_status_t srtp_stream_remove(srtp_t s, uint32_t ssrc)
{
  return srtp_remove_stream(s, ssrc);
}
`;

/** Wrap name (`<name>.wrap` under worker/subprojects) to the files of its stand-in. */
export const SHIMS = {
  'abseil-cpp': project('abseil-cpp', [
    "absl_strings_dep = dependency('absl_strings')",
    "absl_types_dep = dependency('absl_optional')",
    'absl_container_dep = declare_dependency(dependencies: [',
    "  dependency('absl_flat_hash_map'), dependency('absl_flat_hash_set'), dependency('absl_btree'),",
    "  dependency('absl_inlined_vector'), dependency('absl_memory'), absl_strings_dep, absl_types_dep,",
    '])',
    EMPTY_LIBRARY('absl_container_lib'),
  ]),
  openssl: project('openssl', [
    "openssl_dep = dependency('openssl')",
    EMPTY_LIBRARY('libcrypto_lib'),
    EMPTY_LIBRARY('libssl_lib'),
  ]),
  libuv: project('libuv', ["libuv_dep = dependency('libuv')", EMPTY_LIBRARY('libuv')]),
  libsrtp3: {
    ...project('libsrtp3', [
      "libsrtp3_dep = declare_dependency(include_directories: 'include', dependencies: dependency('libsrtp2'))",
      EMPTY_LIBRARY('libsrtp3'),
    ]),
    'include/srtp.h': SRTP3_HEADER,
  },
  usrsctp: project('usrsctp', ["usrsctp_dep = dependency('usrsctp')", EMPTY_LIBRARY('usrsctp')]),
  flatbuffers: project('flatbuffers', [
    "flatbuffers_dep = dependency('flatbuffers')",
    EMPTY_LIBRARY('flatbuffers_lib'),
  ]),
};

/** Options that `worker/meson.build` sets on a subproject; a shim has to know them to be configured. */
export const SHIM_OPTIONS = {
  libuv: { build_tests: 'boolean', build_benchmarks: 'boolean' },
  libsrtp3: { 'crypto-library': 'string', 'crypto-library-kdf': 'string', tests: 'string' },
  usrsctp: { sctp_build_programs: 'boolean' },
};

/**
 * Changes to mediasoup's own sources, each of which must apply exactly once.
 * Debian's OpenSSL has kernel TLS, whose BIO layer passes BIO_CB_RETURN together with the operation: compared by `==`
 * the callback mistakes the return for the call, and the worker dies at the first DTLS handshake.
 */
export const PATCHES = [
  {
    file: 'src/RTC/DtlsTransport.cpp',
    from: 'const long resultOfcallback = (operationType == BIO_CB_RETURN) ?',
    to: 'const long resultOfcallback = (operationType & BIO_CB_RETURN) ?',
  },
  // The precompiled header below, which more than halves the time of the build.
  {
    file: 'meson.build',
    from: "executable(\n  'mediasoup-worker',",
    to: "executable(\n  'mediasoup-worker',\n  cpp_pch: 'pch/worker.hpp',",
  },
  { file: 'meson.build', from: /meson_version: '>= 1\.\d+\.\d+'/, to: "meson_version: '>= 1.0.0'" },
];

const PRECOMPILED = [
  '"common.hpp"',
  ...'array chrono cmath cstdio cstring deque iomanip iostream limits list map ostream queue set span sstream'
    .concat(' stdexcept string string_view unordered_map unordered_set variant vector')
    .split(' ')
    .map((name) => `<${name}>`),
  ...['btree_map', 'flat_hash_map', 'flat_hash_set', 'inlined_vector'].map((name) => `<absl/container/${name}.h>`),
  '<flatbuffers/flatbuffers.h>',
  '<uv.h>',
  ...['message', 'notification', 'request', 'response'].map((name) => `"FBS/${name}.h"`),
];

/** Files added to the sources: what most of them include, none of which depends on macros of the including file. */
export const ADDITIONS = {
  'pch/worker.hpp': PRECOMPILED.map((header) => `#include ${header}\n`).join(''),
};
