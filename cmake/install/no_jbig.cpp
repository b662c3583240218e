// Debian's libtiff is linked with libjbig, which is under the GPL. No picture ever gets there: the
// reader refuses JBIG before libtiff sees it (src/image/formats/tiff_header.cpp). A wheel holds
// these functions in its place, so that the loader finds each name.
#include <cstdlib>

#define LLM2CLIP_NO_JBIG(name) \
  extern "C" void name();      \
  extern "C" void name() { std::abort(); }

LLM2CLIP_NO_JBIG(jbg_dec_free)
LLM2CLIP_NO_JBIG(jbg_dec_getimage)
LLM2CLIP_NO_JBIG(jbg_dec_getsize)
LLM2CLIP_NO_JBIG(jbg_dec_in)
LLM2CLIP_NO_JBIG(jbg_dec_init)
LLM2CLIP_NO_JBIG(jbg_enc_free)
LLM2CLIP_NO_JBIG(jbg_enc_init)
LLM2CLIP_NO_JBIG(jbg_enc_out)
LLM2CLIP_NO_JBIG(jbg_newlen)
LLM2CLIP_NO_JBIG(jbg_strerror)
