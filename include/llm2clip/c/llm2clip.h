/*
 * The C interface of llm2clip: everything the C++ interface does, for C and for every language that
 * can call C. docs/c_api.md explains it with a whole program; this file says what each call does.
 *
 * Calls return a status; LLM2CLIP_OK is 0. After any other status llm2clip_error_message() says in
 * one line what was wrong, and no output was set except handles, which are NULL then. No call lets
 * an exception out, prints, or ends the process.
 *
 * Handles are opaque and never change what they stand for, so that any number of threads may use
 * one at once (the .npy writer is for one thread at a time, and a run for two; see there). Every
 * call that gives a handle in its last argument gives it to the caller, who ends it with the free
 * function of its kind, in any order. A handle is a ticket, not an address: one that is NULL, of
 * another kind, or freed before is refused with LLM2CLIP_INVALID_ARGUMENT, and a call that is under
 * way in another thread keeps what it uses. Only the free functions take NULL, and do nothing with
 * it.
 *
 * Strings and byte arrays are (pointer, length) and need no terminating zero; lengths and counts
 * are of elements. A pointer may be NULL where its length is 0. Arguments are borrowed for the
 * call. Pointers that a "view" call gives are borrowed from the handle and live until it is freed.
 * An output that is not wanted may be NULL, in view calls alone. Text is UTF-8; paths are bytes.
 *
 * Structs that begin with struct_size may grow at their end in later versions: fill them with their
 * init function, which sets it, then change what you like. Structs without it never change.
 */
#ifndef LLM2CLIP_C_LLM2CLIP_H
#define LLM2CLIP_C_LLM2CLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef LLM2CLIP_C_API
#if defined(__GNUC__)
#define LLM2CLIP_C_API __attribute__((visibility("default")))
#else
#define LLM2CLIP_C_API
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status ---- */

/* What went wrong, for a program to branch on. Later versions may add values. */
typedef enum llm2clip_status {
  LLM2CLIP_OK = 0,
  LLM2CLIP_INVALID_ARGUMENT = 1, /* a value the caller passed */
  LLM2CLIP_UNREADABLE_INPUT = 2, /* an image or a text that cannot be used */
  LLM2CLIP_BAD_MODEL = 3,        /* the model directory is missing, damaged or inconsistent */
  LLM2CLIP_UNAVAILABLE = 4, /* the device, precision or threads that were asked for are not there */
  LLM2CLIP_OUT_OF_MEMORY = 5, /* host or device memory did not suffice */
  LLM2CLIP_IO = 6,            /* a file cannot be written or read */
  LLM2CLIP_INTERNAL = 7,      /* a mistake of the library; please report it */
  LLM2CLIP_CANCELLED = 8      /* a callback of the caller ended the call */
} llm2clip_status;

/* Why the last call of this thread that failed did: one line, ended by a zero. "" when none failed.
 * Each thread has its own. Lives until the next call of this thread fails. */
LLM2CLIP_C_API const char* llm2clip_error_message(void);

/* "invalid argument" and so on; "unknown status" for a number that is none. Lives for ever. */
LLM2CLIP_C_API const char* llm2clip_status_name(llm2clip_status status);

/* The version of the library, "0.2.0". Lives for ever. */
LLM2CLIP_C_API const char* llm2clip_version(void);

/* How many handles are not freed yet, in the whole process: 0 at the end of a program without
 * leaks. */
LLM2CLIP_C_API size_t llm2clip_live_handles(void);

/* How many threads this library computes with on a CPU, whichever thread calls it: 1 to 1024.
 * Settings of LibTorch and of OpenMP stay as they are. Where so many cannot be made (ulimit -u),
 * what computes then fails with LLM2CLIP_UNAVAILABLE. */
LLM2CLIP_C_API llm2clip_status llm2clip_set_threads(int32_t threads);

/* ---- Handles and plain types ---- */

typedef struct llm2clip_model llm2clip_model;               /* towers, adapter, tokenizer */
typedef struct llm2clip_image llm2clip_image;               /* an image */
typedef struct llm2clip_tokenizer llm2clip_tokenizer;       /* from text to token ids */
typedef struct llm2clip_tokens llm2clip_tokens;             /* the token ids of one text */
typedef struct llm2clip_embeddings llm2clip_embeddings;     /* rows of float32 */
typedef struct llm2clip_classifier llm2clip_classifier;     /* labels and their rows */
typedef struct llm2clip_report llm2clip_report;             /* what llm2clip_verify found */
typedef struct llm2clip_bytes llm2clip_bytes;               /* a string or file content */
typedef struct llm2clip_npy_writer llm2clip_npy_writer;     /* a .npy file being written */
typedef struct llm2clip_strings llm2clip_strings;           /* a list of strings */
typedef struct llm2clip_run llm2clip_run;                   /* rows on their way to the disk */
typedef struct llm2clip_summary llm2clip_summary;           /* what became of the inputs of a job */
typedef struct llm2clip_index llm2clip_index;               /* rows that are searched */
typedef struct llm2clip_index_writer llm2clip_index_writer; /* an index that is changed */
typedef struct llm2clip_hits llm2clip_hits;                 /* lists of rows that were found */

/* A string that somebody else owns. */
typedef struct llm2clip_string {
  const char* data; /* may be NULL when length is 0 */
  size_t length;    /* bytes */
} llm2clip_string;

/* The data of `bytes` and how much it is; a zero follows it, which length does not count. */
LLM2CLIP_C_API llm2clip_status llm2clip_bytes_view(const llm2clip_bytes* bytes, const char** data,
                                                   size_t* length);
LLM2CLIP_C_API llm2clip_status llm2clip_bytes_free(llm2clip_bytes* bytes);

/* The strings of a list and how many they are; a zero follows each. */
LLM2CLIP_C_API llm2clip_status llm2clip_strings_view(const llm2clip_strings* strings,
                                                     const llm2clip_string** items, size_t* count);
LLM2CLIP_C_API llm2clip_status llm2clip_strings_free(llm2clip_strings* strings);

/* Asked while a call works, in the thread that calls; true ends it, with LLM2CLIP_CANCELLED. */
typedef bool (*llm2clip_stop_callback)(void* user_data);

/* ---- Model ---- */

/* What the network computes in. */
typedef int32_t llm2clip_precision;
enum {
  /* As stored; float32 or INT16_DYNAMIC on a CPU that multiplies that slowly. */
  LLM2CLIP_PRECISION_AUTO = 0,
  LLM2CLIP_PRECISION_BFLOAT16 = 1,
  LLM2CLIP_PRECISION_FLOAT16 = 2, /* CUDA only */
  LLM2CLIP_PRECISION_FLOAT32 = 3,
  /* CPU, towers of int8 or int4: rows that meet them are rounded to so many bits. */
  LLM2CLIP_PRECISION_INT8_DYNAMIC = 4,
  LLM2CLIP_PRECISION_INT16_DYNAMIC = 5
};

/* What special tokens written inside texts ("<|eot_id|>") are. */
typedef int32_t llm2clip_special_tokens;
enum {
  LLM2CLIP_SPECIAL_TOKENS_PARSE = 0,  /* tokens, as in the reference */
  LLM2CLIP_SPECIAL_TOKENS_LITERAL = 1 /* their letters */
};

/* How far a CPU goes to be fast. */
typedef int32_t llm2clip_optimize;
enum {
  LLM2CLIP_OPTIMIZE_AUTO = 0,   /* as the work and the free memory make worthwhile */
  LLM2CLIP_OPTIMIZE_ALWAYS = 1, /* everything, also where it takes more memory */
  LLM2CLIP_OPTIMIZE_NEVER = 2   /* the network runs as it was exported */
};

/* What llm2clip_model_load loads, where to, and in which precision. */
typedef struct llm2clip_load_options {
  size_t struct_size;
  llm2clip_string device;       /* "auto" (the default), "cpu", "cuda" or "cuda:N" */
  llm2clip_precision precision; /* what each part computes in */
  bool vision;                  /* load the vision tower; true */
  bool text;                    /* load text tower, tokenizer and adapter; true */
  bool always_hash;             /* compute every SHA-256 even where it was checked before; false */
  bool trust_model;             /* run the model's programs whatever they do (SECURITY.md); false */
  llm2clip_special_tokens special_tokens; /* in texts; parse */
  llm2clip_optimize optimize;             /* auto */
  llm2clip_string manifest_sha256; /* that llm2clip.json must have, 64 hex digits; empty: any */
  uint64_t expected_inputs;        /* about how many will be encoded, for auto; 0: unknown */
  llm2clip_stop_callback stop;     /* asked while files are hashed and weights laid out; NULL */
  void* user_data;                 /* handed to stop as it is */
} llm2clip_load_options;

/* Fills `options` with the defaults. `struct_size` is sizeof *options. */
LLM2CLIP_C_API llm2clip_status llm2clip_load_options_init(llm2clip_load_options* options,
                                                          size_t struct_size);

/* Loads a model directory (docs/model_format.md). Weights are mapped, not read: the files must stay
 * as they are while the model lives. `options` may be NULL.
 * BAD_MODEL, UNAVAILABLE, INVALID_ARGUMENT, OUT_OF_MEMORY. */
LLM2CLIP_C_API llm2clip_status llm2clip_model_load(const char* directory, size_t directory_length,
                                                   const llm2clip_load_options* options,
                                                   llm2clip_model** model);
/* A file of a model whose bytes the program holds in memory. */
typedef struct llm2clip_model_file {
  llm2clip_string name; /* in the model directory: "llm2clip.json", "vision.pt" */
  const uint8_t* bytes; /* all of it */
  size_t byte_count;    /* of them */
} llm2clip_model_file;

/* The same of files in memory: llm2clip.json and those that it names for the parts that are loaded;
 * others may be there. Weights are used where they are: the bytes must stay as they are until the
 * model and everything that was made from its handle is freed. They are copied where `bytes` does
 * not begin at a multiple of 64, or the model's program writes to tensors. */
LLM2CLIP_C_API llm2clip_status llm2clip_model_load_files(const llm2clip_model_file* files,
                                                         size_t file_count,
                                                         const llm2clip_load_options* options,
                                                         llm2clip_model** model);
LLM2CLIP_C_API llm2clip_status llm2clip_model_free(llm2clip_model* model);

/* What a loaded model is. Strings are borrowed from the model. */
typedef struct llm2clip_model_properties {
  size_t struct_size;
  llm2clip_string name;   /* of the model, as given to the exporter */
  llm2clip_string device; /* "cpu" or "cuda:N" */
  size_t dim;             /* D: components of a row */
  size_t text_width;      /* H: components of a caption embedding; 0: no text part */
  int32_t image_size;     /* S: side of the square the vision tower sees; 0: no vision part */
  int32_t max_tokens;     /* T at the most; 0: no text part */
  float score_scale;      /* probabilities are softmax(score_scale * cosine) */
} llm2clip_model_properties;

/* `struct_size` is sizeof *properties. */
LLM2CLIP_C_API llm2clip_status llm2clip_model_get_properties(const llm2clip_model* model,
                                                             llm2clip_model_properties* properties,
                                                             size_t struct_size);

/* The parts of a model. */
typedef int32_t llm2clip_part_kind;
enum { LLM2CLIP_PART_VISION = 0, LLM2CLIP_PART_TEXT = 1, LLM2CLIP_PART_ADAPTER = 2 };

/* A part of a model as it was loaded. Strings are borrowed from the model; they are empty, and
 * numbers 0, where it was not loaded. */
typedef struct llm2clip_part {
  size_t struct_size;
  bool loaded;          /* whether it is there; strings are empty, numbers 0 where it is not */
  llm2clip_string file; /* name in the model directory */
  llm2clip_string stored_precision; /* of the weights there */
  llm2clip_string precision;        /* that it computes in, as --precision spells it */
  llm2clip_string precision_reason; /* why in that one, in words for people */
  llm2clip_string device;           /* "cpu" or "cuda:N" */
  llm2clip_string optimized;        /* "none", "in_place" or "prepacked" */
  uint64_t mapped_bytes;            /* of the file or memory where the weights stay */
  uint64_t copied_bytes;            /* weights that belong to this process, or to the device */
  uint64_t peak_scratch_bytes;      /* the most a pass took besides; 0 before the first */
  bool peak_scratch_known;          /* false: this LibTorch cannot tell */
} llm2clip_part;

/* What `kind` is now; another thread may encode meanwhile. `struct_size` is sizeof *part. */
LLM2CLIP_C_API llm2clip_status llm2clip_model_get_part(const llm2clip_model* model,
                                                       llm2clip_part_kind kind, llm2clip_part* part,
                                                       size_t struct_size);

/* Everything the manifest says, as a JSON object with the members of llm2clip::ModelInfo: name,
 * embedding_dim, score_scale, manifest_sha256, created_with, and vision, text, adapter where the
 * directory has them. */
LLM2CLIP_C_API llm2clip_status llm2clip_model_info_json(const llm2clip_model* model,
                                                        llm2clip_bytes** json);
/* The same for a directory, without loading weights. BAD_MODEL. */
LLM2CLIP_C_API llm2clip_status llm2clip_read_model_info_json(const char* directory,
                                                             size_t directory_length,
                                                             llm2clip_bytes** json);

/* What llm2clip_model_load would let weights compute in on this machine that are stored as
 * "float32", "bfloat16", "float16", "int8" or "int4": `choice` gets that precision, and why it in
 * words for people. `slow`: this machine would be faster in another one. `options` may be NULL.
 * UNAVAILABLE or INVALID_ARGUMENT as it. */
LLM2CLIP_C_API llm2clip_status llm2clip_choose_precision(const char* stored, size_t stored_length,
                                                         const llm2clip_load_options* options,
                                                         bool* slow, llm2clip_strings** choice);

/* ---- Encoding ---- */

/* Called after each batch with how many inputs are done; false ends the call with
 * LLM2CLIP_CANCELLED. Called from the thread that encodes, while the model is busy: it must not
 * encode with the same model. */
typedef bool (*llm2clip_progress_callback)(size_t done, void* user_data);

/* Gets the index of an input that memory does not suffice for even alone, and why; its row stays
 * zero, and the others are encoded. false ends the call as above. The third in a row ends it with
 * LLM2CLIP_OUT_OF_MEMORY. */
typedef bool (*llm2clip_left_out_callback)(size_t input, const char* message, size_t length,
                                           void* user_data);

/* How inputs are grouped, and which stages run. */
typedef struct llm2clip_encode_options {
  size_t struct_size;
  size_t batch_size;   /* images at once; 16. Never changes a row beyond rounding */
  size_t batch_tokens; /* tokens at once, of one text at least; 4096 */
  bool normalize;      /* unit rows; true. Off: what the network gives */
  bool adapter;        /* true. Off: a text's row is its caption embedding (H components) */
  llm2clip_progress_callback progress; /* NULL */
  llm2clip_left_out_callback left_out; /* NULL: OUT_OF_MEMORY ends the call */
  llm2clip_stop_callback stop;         /* NULL. Asked between the passes that a batch takes, too */
  void* user_data;                     /* handed to these three as it is */
} llm2clip_encode_options;

/* Fills `options` with the defaults. */
LLM2CLIP_C_API llm2clip_status llm2clip_encode_options_init(llm2clip_encode_options* options,
                                                            size_t struct_size);

/* One row per image, in their order. Calls on one model take turns. `options` may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_encode_images(const llm2clip_model* model,
                                                      const llm2clip_image* const* images,
                                                      size_t image_count,
                                                      const llm2clip_encode_options* options,
                                                      llm2clip_embeddings** embeddings);
/* One row per text. Texts of more than max_tokens are cut at the end.
 * UNREADABLE_INPUT for a text that is not UTF-8. */
LLM2CLIP_C_API llm2clip_status llm2clip_encode_texts(const llm2clip_model* model,
                                                     const llm2clip_string* texts,
                                                     size_t text_count,
                                                     const llm2clip_encode_options* options,
                                                     llm2clip_embeddings** embeddings);
/* The same for texts that are tokenized already. INVALID_ARGUMENT, before anything is encoded, for
 * one without ids, with an id that is not in the vocabulary, or whose `pooled` is not in 0..T. */
LLM2CLIP_C_API llm2clip_status llm2clip_encode_tokens(const llm2clip_model* model,
                                                      const llm2clip_tokens* const* texts,
                                                      size_t text_count,
                                                      const llm2clip_encode_options* options,
                                                      llm2clip_embeddings** embeddings);
/* Images that are resized and cropped already, as llm2clip_resize_and_crop does it: (images, S, S,
 * 3), one after the other. Their rows are those of llm2clip_encode_images, to the bit. */
LLM2CLIP_C_API llm2clip_status llm2clip_encode_crops(const llm2clip_model* model,
                                                     const uint8_t* crops, size_t byte_count,
                                                     const llm2clip_encode_options* options,
                                                     llm2clip_embeddings** embeddings);
/* Images that are preprocessed already, as llm2clip_preprocess does it: (images, 3, S, S) float32,
 * one after the other. On a CPU their rows are those of llm2clip_encode_images, to the bit. */
LLM2CLIP_C_API llm2clip_status llm2clip_encode_pixels(const llm2clip_model* model,
                                                      const float* pixels, size_t pixel_count,
                                                      const llm2clip_encode_options* options,
                                                      llm2clip_embeddings** embeddings);

/* ---- Images ---- */

/* How the samples of an image are laid out; in brackets Pillow's name. */
typedef int32_t llm2clip_image_mode;
enum {
  LLM2CLIP_IMAGE_BILEVEL = 0,    /* one byte a pixel, 0 or 255 (1) */
  LLM2CLIP_IMAGE_GRAY = 1,       /* one byte a pixel (L) */
  LLM2CLIP_IMAGE_GRAY_ALPHA = 2, /* gray, alpha (LA) */
  LLM2CLIP_IMAGE_PALETTE = 3,    /* one byte a pixel, an index into the palette (P) */
  LLM2CLIP_IMAGE_RGB = 4,        /* red, green, blue (RGB) */
  LLM2CLIP_IMAGE_RGBA = 5,       /* red, green, blue, alpha (RGBA) */
  LLM2CLIP_IMAGE_CMYK = 6,       /* cyan, magenta, yellow, black; 255 is full ink (CMYK) */
  LLM2CLIP_IMAGE_GRAY16 = 7,     /* uint16 in the machine's byte order (I;16) */
  LLM2CLIP_IMAGE_INT32 = 8,      /* int32 in the machine's byte order (I) */
  LLM2CLIP_IMAGE_FLOAT32 = 9     /* float32 in the machine's byte order (F) */
};

/* Bytes of one pixel in `mode`. */
LLM2CLIP_C_API llm2clip_status llm2clip_bytes_per_pixel(llm2clip_image_mode mode, size_t* bytes);

/* What the calls that read images accept, and what they leave as it is. */
typedef struct llm2clip_read_options {
  size_t struct_size;
  uint64_t max_pixels;      /* larger images are refused before decoding; 89478485 */
  uint64_t max_file_bytes;  /* larger files are refused before reading; 256 MiB */
  int32_t max_scans;        /* progressive JPEGs of more scans are refused; 100 */
  bool apply_orientation;   /* turn as EXIF says; false, as the reference */
  bool keep_mode;           /* keep the stored mode instead of converting to RGB; false */
  int32_t max_side;         /* images with a longer side are refused; 65535 */
  uint64_t max_scan_pixels; /* so are JPEGs whose scans times pixels are more; 4000000000 */
} llm2clip_read_options;

/* Fills `options` with the defaults. */
LLM2CLIP_C_API llm2clip_status llm2clip_read_options_init(llm2clip_read_options* options,
                                                          size_t struct_size);

/* Reads a JPEG, PNG, WebP, BMP, TIFF or GIF (first frame) file to the pixels that Pillow gives.
 * `options` may be NULL. UNREADABLE_INPUT naming the file. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_read(const char* path, size_t path_length,
                                                   const llm2clip_read_options* options,
                                                   llm2clip_image** image);
/* The same for a file in memory; `name` stands for it in messages. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_decode(const uint8_t* bytes, size_t byte_count,
                                                     const char* name, size_t name_length,
                                                     const llm2clip_read_options* options,
                                                     llm2clip_image** image);
/* Copies raw pixels: rows from top to bottom without padding, `byte_count` = 3 * width * height. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_from_rgb(int32_t width, int32_t height,
                                                       const uint8_t* pixels, size_t byte_count,
                                                       llm2clip_image** image);
/* The same for any mode. `palette`: RGB triples, with LLM2CLIP_IMAGE_PALETTE only. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_from_pixels(llm2clip_image_mode mode, int32_t width,
                                                          int32_t height, const uint8_t* pixels,
                                                          size_t byte_count, const uint8_t* palette,
                                                          size_t palette_byte_count,
                                                          llm2clip_image** image);

/* In which order the bytes of a color lie. */
typedef int32_t llm2clip_channel_order;
enum {
  LLM2CLIP_CHANNELS_RGB = 0, /* red first */
  LLM2CLIP_CHANNELS_BGR = 1  /* blue first: OpenCV's and Windows' */
};
/* Copies a part of a larger image, or rows with padding: each begins `stride` bytes after the one
 * before. Below 0 they lie from bottom to top, and 0 means one after the other. `pixels` is the
 * lowest address, `byte_count` reaches to the last pixel or further. `channels` is that of RGB and
 * RGBA; the image has red first. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_from_rows(llm2clip_image_mode mode,
                                                        llm2clip_channel_order channels,
                                                        int32_t width, int32_t height,
                                                        ptrdiff_t stride, const uint8_t* pixels,
                                                        size_t byte_count, llm2clip_image** image);

/* Size, mode and the height * width * bytes-a-pixel bytes of an image, rows from top to bottom. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_view(const llm2clip_image* image, int32_t* width,
                                                   int32_t* height, llm2clip_image_mode* mode,
                                                   const uint8_t** pixels, size_t* byte_count);
/* Its RGB triples; none without a palette. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_palette_view(const llm2clip_image* image,
                                                           const uint8_t** palette,
                                                           size_t* byte_count);
/* Pillow's convert("RGB"). */
LLM2CLIP_C_API llm2clip_status llm2clip_image_to_rgb(const llm2clip_image* image,
                                                     llm2clip_image** rgb);
/* The content of a PNG file. INVALID_ARGUMENT for other modes than gray, gray with alpha, 16-bit
 * gray, RGB and RGBA. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_encode_png(const llm2clip_image* image,
                                                         llm2clip_bytes** png);
/* A JPEG file of the image in RGB, shrunk where its longer side is more than `side` pixels. */
LLM2CLIP_C_API llm2clip_status llm2clip_image_thumbnail(const llm2clip_image* image, int32_t side,
                                                        llm2clip_bytes** jpeg);
LLM2CLIP_C_API llm2clip_status llm2clip_image_free(llm2clip_image* image);

/* ---- Preprocessing ---- */

/* Which reference the way from an image to the network's pixels follows. */
typedef int32_t llm2clip_preprocess_order;
enum {
  LLM2CLIP_ORDER_HF = 0,         /* transformers' CLIPImageProcessor */
  LLM2CLIP_ORDER_TORCHVISION = 1 /* torchvision over Pillow */
};

/* Which pass of the resize comes first: named for the Pillow that has it. */
typedef int32_t llm2clip_resize_passes;
enum {
  LLM2CLIP_PASSES_PILLOW_11 = 0,   /* across, then down */
  LLM2CLIP_PASSES_PILLOW_12_2 = 1, /* down first: over 100 times as high as wide, and shrinks */
  LLM2CLIP_PASSES_PILLOW_13 = 2    /* down first: H - h > 0 and H - h > 2 * (W - w) */
};

/* What a vision tower expects of its pixels. */
typedef struct llm2clip_preprocess_options {
  size_t struct_size;
  int32_t image_size;                   /* S; 224 */
  llm2clip_preprocess_order order;      /* which reference is followed */
  float mean[3];                        /* of RGB in 0..1; OpenAI's */
  float std[3];                         /* of RGB in 0..1 */
  llm2clip_resize_passes resize_passes; /* which Pillow resizes; 11 */
} llm2clip_preprocess_options;

/* Fills `options` with the defaults. */
LLM2CLIP_C_API llm2clip_status
llm2clip_preprocess_options_init(llm2clip_preprocess_options* options, size_t struct_size);
/* What a model was trained with. INVALID_ARGUMENT when its directory has no vision part. */
LLM2CLIP_C_API llm2clip_status llm2clip_model_preprocess_options(
    const llm2clip_model* model, llm2clip_preprocess_options* options, size_t struct_size);

/* What the network sees, as an image: resized, cropped to S x S, RGB. `options` may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_resize_and_crop(const llm2clip_image* image,
                                                        const llm2clip_preprocess_options* options,
                                                        llm2clip_image** seen);
/* What the network gets: (3, S, S) float32 into `pixels`; `pixel_count` must be 3 * S * S. */
LLM2CLIP_C_API llm2clip_status llm2clip_preprocess(const llm2clip_image* image,
                                                   const llm2clip_preprocess_options* options,
                                                   float* pixels, size_t pixel_count);
/* The second half of it, for images that are resized and cropped: (images, S, S, 3) bytes to
 * (images, 3, S, S) float32, so that `pixel_count` is `byte_count`. */
LLM2CLIP_C_API llm2clip_status llm2clip_normalize_crops(const uint8_t* crops, size_t byte_count,
                                                        const llm2clip_preprocess_options* options,
                                                        float* pixels, size_t pixel_count);

/* ---- Tokenizer ---- */

/* What a text tower expects of its tokens. */
typedef struct llm2clip_tokenizer_options {
  size_t struct_size;
  llm2clip_string prompt_prefix;    /* Llama-3's prompt by default */
  llm2clip_string prompt_suffix;    /* behind the text, averaged with it */
  llm2clip_string prompt_separator; /* see llm2clip::Prompt */
  int32_t max_tokens;               /* beginning-of-text included; 512 */
  int32_t doc_max_length;           /* texts of more tokens lose words from their end; INT32_MAX */
  llm2clip_special_tokens special_tokens; /* in texts; parse */
} llm2clip_tokenizer_options;

/* The strings it sets live for ever. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_options_init(llm2clip_tokenizer_options* options,
                                                               size_t struct_size);

/* A tokenizer.json or tokenizer.model. `options` may be NULL. BAD_MODEL. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_load(const char* path, size_t path_length,
                                                       const llm2clip_tokenizer_options* options,
                                                       llm2clip_tokenizer** tokenizer);
/* The same of what is in such a file; `name` stands for it in messages. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_parse(const char* content, size_t content_length,
                                                        const char* name, size_t name_length,
                                                        const llm2clip_tokenizer_options* options,
                                                        llm2clip_tokenizer** tokenizer);
/* That of a model directory, hash checked, without its towers. BAD_MODEL. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_load_of_model(
    const char* directory, size_t directory_length, llm2clip_special_tokens special_tokens,
    llm2clip_tokenizer** tokenizer);
/* That of a loaded model: no copy; the model's memory stays until this handle is freed too.
 * INVALID_ARGUMENT when the text part was not loaded. */
LLM2CLIP_C_API llm2clip_status llm2clip_model_tokenizer(const llm2clip_model* model,
                                                        llm2clip_tokenizer** tokenizer);

/* The text inside its prompt. UNREADABLE_INPUT for a text that is not UTF-8. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_encode(const llm2clip_tokenizer* tokenizer,
                                                         const char* text, size_t text_length,
                                                         llm2clip_tokens** tokens);
/* The bare text: no prompt, no beginning-of-text, nothing cut; pooled is 0. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_encode_raw(const llm2clip_tokenizer* tokenizer,
                                                             const char* text, size_t text_length,
                                                             llm2clip_tokens** tokens);
/* The bytes that `id` stands for; not always whole UTF-8. INVALID_ARGUMENT for an unknown id. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_piece(const llm2clip_tokenizer* tokenizer,
                                                        int64_t id, llm2clip_bytes** piece);
/* Number of ids, special tokens included. */
LLM2CLIP_C_API llm2clip_status
llm2clip_tokenizer_vocabulary_size(const llm2clip_tokenizer* tokenizer, int64_t* size);
/* What it was loaded with; strings are borrowed from it. `struct_size` is sizeof *options. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_get_options(const llm2clip_tokenizer* tokenizer,
                                                              llm2clip_tokenizer_options* options,
                                                              size_t struct_size);
LLM2CLIP_C_API llm2clip_status llm2clip_tokenizer_free(llm2clip_tokenizer* tokenizer);

/* Ids of your own; `pooled`: how many, counted from the end, are averaged; 0 means all. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokens_from_ids(const int64_t* ids, size_t id_count,
                                                        int32_t pooled, llm2clip_tokens** tokens);
/* The ids, how many of them are averaged, counted from the end, and whether the text was cut. */
LLM2CLIP_C_API llm2clip_status llm2clip_tokens_view(const llm2clip_tokens* tokens,
                                                    const int64_t** ids, size_t* id_count,
                                                    int32_t* pooled, bool* truncated);
LLM2CLIP_C_API llm2clip_status llm2clip_tokens_free(llm2clip_tokens* tokens);

/* ---- Embeddings and similarity ---- */

/* Copies `value_count` = rows * dim numbers, row-major. */
LLM2CLIP_C_API llm2clip_status llm2clip_embeddings_from_values(const float* values,
                                                               size_t value_count, size_t rows,
                                                               size_t dim,
                                                               llm2clip_embeddings** embeddings);
/* rows * dim numbers: component j of row i is values[i * dim + j]. */
LLM2CLIP_C_API llm2clip_status llm2clip_embeddings_view(const llm2clip_embeddings* embeddings,
                                                        const float** values, size_t* rows,
                                                        size_t* dim);
/* Each row divided by its L2 norm; a zero row stays zero. */
LLM2CLIP_C_API llm2clip_status llm2clip_embeddings_normalize(const llm2clip_embeddings* embeddings,
                                                             llm2clip_embeddings** unit_rows);
LLM2CLIP_C_API llm2clip_status llm2clip_embeddings_free(llm2clip_embeddings* embeddings);

/* Dot product of two rows of unit length and equal counts. */
LLM2CLIP_C_API llm2clip_status llm2clip_cosine(const float* a, size_t a_count, const float* b,
                                               size_t b_count, float* cosine);
/* Every row of `images` with every row of `texts`: (rows of images, rows of texts). */
LLM2CLIP_C_API llm2clip_status llm2clip_cosines(const llm2clip_embeddings* images,
                                                const llm2clip_embeddings* texts,
                                                llm2clip_embeddings** scores);
/* exp(scale * value) over their sum. `scale` must be finite, `result_count` must be `value_count`;
 * result may be values. */
LLM2CLIP_C_API llm2clip_status llm2clip_softmax(const float* values, size_t value_count,
                                                float scale, float* result, size_t result_count);
/* 1 / (1 + exp(-scale * value)) for each; `scale` must be finite. */
LLM2CLIP_C_API llm2clip_status llm2clip_sigmoid(const float* values, size_t value_count,
                                                float scale, float* result, size_t result_count);

/* One of the values that llm2clip_top_k found. */
typedef struct llm2clip_match {
  size_t index; /* where it stands in `values` */
  float score;  /* the value itself */
} llm2clip_match;

/* The `match_count` largest values, largest first; of equal values the lower index first. `found`
 * is how many were written: fewer when there are fewer values. */
LLM2CLIP_C_API llm2clip_status llm2clip_top_k(const float* values, size_t value_count,
                                              llm2clip_match* matches, size_t match_count,
                                              size_t* found);

/* ---- Classifier ---- */

/* Each template with each label in place of every {} is encoded; a label's row is the unit mean
 * over its templates. No template: the label as it is. `options` may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_from_labels(
    const llm2clip_model* model, const llm2clip_string* labels, size_t label_count,
    const llm2clip_string* templates, size_t template_count, const llm2clip_encode_options* options,
    llm2clip_classifier** classifier);
/* A label bank written by llm2clip_classifier_save. BAD_MODEL. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_load(const char* path, size_t path_length,
                                                        llm2clip_classifier** classifier);
/* A .safetensors file; it appears whole or not at all. IO. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_save(const llm2clip_classifier* classifier,
                                                        const char* path, size_t path_length);
/* INVALID_ARGUMENT when the rows come from another text tower or adapter than the model's. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_check_fits(const llm2clip_classifier* classifier,
                                                              const llm2clip_model* model);
/* How many labels and templates it has. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_counts(const llm2clip_classifier* classifier,
                                                          size_t* labels, size_t* templates);
/* Borrowed from the classifier. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_label(const llm2clip_classifier* classifier,
                                                         size_t index, const char** data,
                                                         size_t* length);
/* The template with that index. INVALID_ARGUMENT for none. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_template(const llm2clip_classifier* classifier,
                                                            size_t index, const char** data,
                                                            size_t* length);
/* One unit row per label: no copy; a handle of its own, to be freed. */
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_embeddings(const llm2clip_classifier* classifier,
                                                              llm2clip_embeddings** embeddings);
LLM2CLIP_C_API llm2clip_status llm2clip_classifier_free(llm2clip_classifier* classifier);

/* ---- Evaluation ---- */

/* An image and a text that belong together, by their rows. */
typedef struct llm2clip_retrieval_pair {
  size_t image; /* row of the image */
  size_t text;  /* row of the text */
} llm2clip_retrieval_pair;

/* How well the queries of one side find what belongs to them on the other. */
typedef struct llm2clip_retrieval_scores {
  uint64_t queries;    /* rows that something belongs to */
  double recall_at_1;  /* share of them, 0 to 1, that have any of theirs come first */
  double recall_at_5;  /* among the first five */
  double recall_at_10; /* among the first ten */
  double median_rank;  /* where the first of theirs comes, 1 being the best */
} llm2clip_retrieval_scores;

/* Both directions. */
typedef struct llm2clip_retrieval_result {
  llm2clip_retrieval_scores image_to_text; /* images look for their texts */
  llm2clip_retrieval_scores text_to_image; /* texts look for their images */
} llm2clip_retrieval_result;

/* Retrieval among all rows, by dot product; an image may have several texts, and a text several
 * images. Of equal scores the wrong one comes first. */
LLM2CLIP_C_API llm2clip_status llm2clip_evaluate_retrieval(const llm2clip_embeddings* images,
                                                           const llm2clip_embeddings* texts,
                                                           const llm2clip_retrieval_pair* pairs,
                                                           size_t pair_count,
                                                           llm2clip_retrieval_result* result);

/* How often the images of one label get it. */
typedef struct llm2clip_label_accuracy {
  uint64_t images; /* that have the label */
  double top_1;    /* share of them, 0 to 1, whose best label it is; 0 without images */
  double top_5;    /* among the best five */
} llm2clip_label_accuracy;

/* How often images get their label. */
typedef struct llm2clip_zero_shot_result {
  uint64_t images;   /* all */
  double top_1;      /* share of them, 0 to 1, whose best label is theirs */
  double top_5;      /* among the best five */
  double mean_top_1; /* mean of the labels' top_1; labels without images do not count */
  double mean_top_5; /* of their top_5 */
} llm2clip_zero_shot_result;

/* Zero-shot classification: `labels` has a row a label, as llm2clip_classifier_embeddings gives
 * them, and `truth` for each row of `images` the row of its label. `accuracies` has room for one a
 * label; it may be NULL with a count of 0. */
LLM2CLIP_C_API llm2clip_status llm2clip_evaluate_zero_shot(const llm2clip_embeddings* images,
                                                           const llm2clip_embeddings* labels,
                                                           const size_t* truth, size_t truth_count,
                                                           llm2clip_zero_shot_result* result,
                                                           llm2clip_label_accuracy* accuracies,
                                                           size_t accuracy_count);

/* ---- Files of embeddings ---- */

/* What the components are stored as. */
typedef int32_t llm2clip_stored_precision;
enum { LLM2CLIP_STORED_FLOAT32 = 0, LLM2CLIP_STORED_FLOAT16 = 1 };

/* A key and a value of a file's provenance. UTF-8. */
typedef struct llm2clip_provenance {
  llm2clip_string key;   /* UTF-8 */
  llm2clip_string value; /* UTF-8 */
} llm2clip_provenance;

/* Writes by the ending of `path`: .npy (with <path>.ids.jsonl and <path>.json beside it),
 * .safetensors, .parquet, .jsonl or .csv; whole or not at all. `ids`: one per row.
 * INVALID_ARGUMENT for another ending or number of ids, UNAVAILABLE for .parquet without its
 * module, IO. */
LLM2CLIP_C_API llm2clip_status llm2clip_write_embeddings(
    const char* path, size_t path_length, const llm2clip_embeddings* embeddings,
    const llm2clip_string* ids, size_t id_count, const llm2clip_provenance* provenance,
    size_t provenance_count, llm2clip_stored_precision precision);
/* Reads a .safetensors or .npy file back, float16 widened to float32. A .npy file may be anybody's;
 * without <path>.ids.jsonl its ids are the numbers of its rows, from "0" on. `ids`, one a row, and
 * `provenance`, keys and values in turn, may be NULL. INVALID_ARGUMENT for another ending,
 * BAD_MODEL for a damaged file. */
LLM2CLIP_C_API llm2clip_status llm2clip_read_embeddings(const char* path, size_t path_length,
                                                        llm2clip_embeddings** embeddings,
                                                        llm2clip_strings** ids,
                                                        llm2clip_strings** provenance);
/* One line of a .jsonl file, without its end: {"id":"a.jpg","embedding":[0.1,...]}. */
LLM2CLIP_C_API llm2clip_status llm2clip_embedding_json(const char* id, size_t id_length,
                                                       const float* row, size_t dim,
                                                       llm2clip_stored_precision precision,
                                                       llm2clip_bytes** json);

/* A float32 .npy file written row by row; `row_shape` has at most seven axes. The file appears with
 * finish; freed before, nothing is left. */
LLM2CLIP_C_API llm2clip_status llm2clip_npy_writer_open(const char* path, size_t path_length,
                                                        const size_t* row_shape, size_t axis_count,
                                                        llm2clip_npy_writer** writer);
/* Writes one row. INVALID_ARGUMENT for another number of values than the shape, IO. */
LLM2CLIP_C_API llm2clip_status llm2clip_npy_writer_append(llm2clip_npy_writer* writer,
                                                          const float* row, size_t value_count);
/* Puts the file in place. IO. */
LLM2CLIP_C_API llm2clip_status llm2clip_npy_writer_finish(llm2clip_npy_writer* writer);
LLM2CLIP_C_API llm2clip_status llm2clip_npy_writer_free(llm2clip_npy_writer* writer);

/* ---- Embedding many inputs ---- */

/* A source gives inputs, threads read, decode and tokenize a few batches ahead of the network, and
 * a sink takes the rows: what the command line's embed-image and embed-text do. Inputs keep their
 * order. One that cannot be used is an outcome without a row, and the others go on. Which inputs
 * make a batch depends on their order alone, because rows differ in their last digits with the size
 * of their batch; so a run that was stopped and resumed gives the same bytes. */

/* Why an input has no row. An empty code: it has one. */
typedef struct llm2clip_failure {
  llm2clip_string stage;   /* "list", "read", "tokenize", "encode" */
  llm2clip_string code;    /* "unreadable_input", "not_finite", "zero_norm", "out_of_memory" */
  llm2clip_string message; /* one line for people */
} llm2clip_failure;

/* One image on its way in: a file, the bytes of a file, or pixels. The rest is zero. */
typedef struct llm2clip_image_input {
  llm2clip_string id;          /* what results and messages call it; empty: the path */
  llm2clip_string path;        /* a file; or */
  const uint8_t* bytes;        /* what is in a file; or */
  size_t byte_count;           /* of `bytes` */
  const llm2clip_image* image; /* pixels */
  llm2clip_failure failure;    /* with a code: the input could not be had, and fails in its place */
  llm2clip_string identity;    /* what llm2clip_run_take gets as content and ... */
  llm2clip_string stamp; /* ... stamp; both empty: size and time of a file, bytes, or pixels */
} llm2clip_image_input;

/* One text on its way in. The rest is zero. */
typedef struct llm2clip_text_input {
  llm2clip_string id;       /* what results call it; empty: the text */
  llm2clip_string text;     /* UTF-8 */
  llm2clip_string place;    /* what messages call it, "captions.txt:7"; empty: "text 7" */
  llm2clip_failure failure; /* with a code: the input could not be had, and fails in its place */
} llm2clip_text_input;

/* Writes the next input into `input`, which is all zeros; false: there is none any more. Called in
 * a thread of the call, and may wait. What it points to is copied before the next call. */
typedef bool (*llm2clip_next_image_callback)(llm2clip_image_input* input, void* user_data);
/* The same for texts. */
typedef bool (*llm2clip_next_text_callback)(llm2clip_text_input* input, void* user_data);

/* Where images come from: one of three, and the rest is zero, as in
 * {.paths = paths, .path_count = 2}. */
typedef struct llm2clip_image_source {
  const llm2clip_string* paths;       /* files, whose ids are their paths; or */
  size_t path_count;                  /* how many */
  const llm2clip_image_input* inputs; /* inputs of any kind; or */
  size_t input_count;                 /* how many */
  llm2clip_next_image_callback next;  /* one after the other */
  void* user_data;                    /* handed to next as it is */
  uint64_t total;                     /* how many next will give, for progress; 0: unknown */
} llm2clip_image_source;

/* Where texts come from: one of three, and the rest is zero. */
typedef struct llm2clip_text_source {
  const llm2clip_string* texts;      /* texts that are their own ids; or */
  size_t text_count;                 /* how many */
  const llm2clip_text_input* inputs; /* texts with ids; or */
  size_t input_count;                /* how many */
  llm2clip_next_text_callback next;  /* one after the other */
  void* user_data;                   /* handed to next as it is */
  uint64_t total;                    /* how many next will give, for progress; 0: unknown */
} llm2clip_text_source;

/* What became of one input. */
typedef struct llm2clip_outcome {
  uint64_t index;           /* among the inputs that the sink took, from 0 */
  llm2clip_string id;       /* of the input */
  llm2clip_failure failure; /* why it has no row; an empty code: it has one */
  bool truncated;           /* a text that lost its end */
} llm2clip_outcome;

/* Inputs one after the other, and their rows. Borrowed until the callback returns. */
typedef struct llm2clip_embedded_batch {
  size_t struct_size;
  const llm2clip_outcome* outcomes; /* of all inputs, in their order */
  size_t outcome_count;             /* how many */
  const float* rows; /* of those without a failure: component j of row i is rows[i * dim + j] */
  size_t row_count;  /* how many */
  size_t dim;        /* components of a row */
} llm2clip_embedded_batch;

/* The same of images that are resized and cropped, and not embedded. */
typedef struct llm2clip_preprocessed_batch {
  size_t struct_size;
  const llm2clip_outcome* outcomes; /* of all inputs, in their order */
  size_t outcome_count;             /* how many */
  const uint8_t* crops;             /* of those without a failure: (crop_count, S, S, 3) */
  size_t crop_count;                /* how many */
  size_t byte_count;                /* of all crops */
} llm2clip_preprocessed_batch;

/* Gets one batch after the other; false ends the call with LLM2CLIP_CANCELLED. */
typedef bool (*llm2clip_batch_callback)(const llm2clip_embedded_batch* batch, void* user_data);
/* The same for llm2clip_preprocess_images. */
typedef bool (*llm2clip_crops_callback)(const llm2clip_preprocessed_batch* batch, void* user_data);

/* Where rows go: one of four, and the rest is zero, as in {.run = run}. */
typedef struct llm2clip_embed_sink {
  llm2clip_embeddings** rows;   /* gets all rows in order when the call ends well, else NULL; or */
  llm2clip_index_writer* index; /* which says what is new; a thread of the call writes, and commits
                                   at the end, too; or */
  llm2clip_run* run;            /* a thread of the call writes, and commits as the run's options
                                   say, also when the call ends early; finishing it is yours; or */
  llm2clip_batch_callback take; /* is called in the thread that embeds, which waits for it */
  void* user_data;              /* handed to take as it is */
  bool own_thread;              /* take is called in a thread of its own, a few batches later */
} llm2clip_embed_sink;

/* What happens to a text that has more tokens than the model takes. */
typedef int32_t llm2clip_on_long;
enum {
  LLM2CLIP_ON_LONG_TRUNCATE = 0, /* it loses its end, and its outcome says so */
  LLM2CLIP_ON_LONG_ERROR = 1     /* the call ends with LLM2CLIP_UNREADABLE_INPUT */
};

/* Gets how many inputs are done, and how many there are (0: unknown); false ends the
 * call with LLM2CLIP_CANCELLED. */
typedef bool (*llm2clip_embed_progress_callback)(uint64_t done, uint64_t total, void* user_data);
/* Gets each input that has no row, in order, before the sink gets its batch; false ends the call
 * with LLM2CLIP_CANCELLED. */
typedef bool (*llm2clip_failed_callback)(const llm2clip_outcome* outcome, void* user_data);

/* How many inputs are embedded at once, what fails, and what the call may take. The first four and
 * `read` alone change rows. All callbacks but the sink's and the source's run in the calling
 * thread. */
typedef struct llm2clip_embed_options {
  size_t struct_size;
  size_t batch_size;                 /* images at once; 16. Never changes a row beyond rounding */
  size_t batch_tokens;               /* tokens at once, of one text at least; 4096 */
  bool normalize;                    /* unit rows; true. Off: what the network gives */
  bool adapter;                      /* true. Off: a text's row is its caption embedding */
  bool stop_at_failure;              /* the first failure ends the call; false */
  llm2clip_on_long on_long;          /* truncate */
  const llm2clip_read_options* read; /* NULL: the defaults. keep_mode is set as the model needs */
  size_t decoding_threads;           /* that decode and resize; 0: one for each processor */
  uint64_t decode_memory;   /* bytes that images may take which are decoded at once; 1 GiB */
  size_t text_window;       /* texts that batches are made of; 4096 */
  size_t batches_ahead;     /* images read before their turn, at least 64; 4 */
  size_t bytes_ahead;       /* and what they may take, undecoded files too; 256 MiB */
  size_t batches_behind;    /* that wait for a sink in a thread of its own; 4 */
  size_t bytes_behind;      /* and what they may take; 64 MiB */
  uint64_t most_failures;   /* more of them end the call with UNREADABLE_INPUT; UINT64_MAX */
  double most_failed_share; /* the same of the inputs so far, 0 to 1, after the first 999; 1 */
  llm2clip_string failure_advice; /* how the message then goes on; "more than the limit allows" */
  llm2clip_embed_progress_callback progress; /* NULL */
  llm2clip_failed_callback failed;           /* NULL */
  llm2clip_stop_callback stop;               /* NULL. What was embedded by then reaches the sink */
  void* user_data;                           /* handed to these three as it is */
} llm2clip_embed_options;

/* Fills `options` with the defaults. */
LLM2CLIP_C_API llm2clip_status llm2clip_embed_options_init(llm2clip_embed_options* options,
                                                           size_t struct_size);

/* Embeds all images of `source`; reading, decoding, resizing, the network and the sink overlap, and
 * every thread has ended when the call returns. An input fails that cannot be read (stage "read"),
 * whose row is not finite or all zeros, or that memory does not suffice for even alone (stage
 * "encode"). `options` may be NULL, and so may `summary`, which says what became of the inputs.
 * INVALID_ARGUMENT for a model without a vision part, UNREADABLE_INPUT where too many inputs fail,
 * UNAVAILABLE where the system makes no more threads, IO of the run. Several threads may use one
 * model at once. */
LLM2CLIP_C_API llm2clip_status llm2clip_embed_images(const llm2clip_model* model,
                                                     const llm2clip_image_source* source,
                                                     const llm2clip_embed_sink* sink,
                                                     const llm2clip_embed_options* options,
                                                     llm2clip_summary** summary);
/* Embeds all texts of `source` in the same way. An input fails that is not UTF-8 (stage
 * "tokenize"), or as images do. */
LLM2CLIP_C_API llm2clip_status llm2clip_embed_texts(const llm2clip_model* model,
                                                    const llm2clip_text_source* source,
                                                    const llm2clip_embed_sink* sink,
                                                    const llm2clip_embed_options* options,
                                                    llm2clip_summary** summary);
/* What the network would see of all images of `source`, in order, `batch_size` inputs at a time.
 * `preprocess` and `options` may be NULL, and so may `summary`. `take` is called in the calling
 * thread, with `user_data`. */
LLM2CLIP_C_API llm2clip_status llm2clip_preprocess_images(
    const llm2clip_preprocess_options* preprocess, const llm2clip_image_source* source,
    llm2clip_crops_callback take, void* user_data, const llm2clip_embed_options* options,
    llm2clip_summary** summary);

/* How often something happened. */
typedef struct llm2clip_named_count {
  llm2clip_string name; /* of what */
  uint64_t count;       /* at least 1 */
} llm2clip_named_count;

/* What became of all inputs: inputs == embedded + failed. Borrowed from the summary. */
typedef struct llm2clip_totals {
  size_t struct_size;
  uint64_t inputs;      /* that the sink took, or of the run */
  uint64_t embedded;    /* rows */
  uint64_t failed;      /* inputs without a row */
  uint64_t passed_over; /* of embedding: that a run did not take, as it had them or a shard does */
  uint64_t truncated;   /* texts that lost their end, of `inputs` */
  uint64_t resumed;     /* of a run: inputs that an earlier process had done */
  uint64_t redone;      /* of a run: inputs that it had done and that changed since */
  const llm2clip_named_count* failed_by_code; /* by code of failure; they add up to `failed` */
  size_t failed_by_code_count;                /* how many codes */
  const llm2clip_named_count* counts;         /* of a run: what llm2clip_run_count counted */
  size_t counts_count;                        /* how many */
  const llm2clip_outcome* failures; /* of embedding into `rows`: all inputs without a row */
  size_t failure_count;             /* how many; 0 for other sinks, where `failed` tells */
  llm2clip_string warning;          /* of llm2clip_merge_runs: what was less safe; else empty */
} llm2clip_totals;

/* `struct_size` is sizeof *totals. */
LLM2CLIP_C_API llm2clip_status llm2clip_summary_view(const llm2clip_summary* summary,
                                                     llm2clip_totals* totals, size_t struct_size);
LLM2CLIP_C_API llm2clip_status llm2clip_summary_free(llm2clip_summary* summary);

/* ---- Runs ---- */

/* A run is a job whose rows reach the disk chunk by chunk, so that a crash loses one chunk at most.
 * Beside the output stands the folder <output>.run until the run is finished; a later process
 * resumes it. llm2clip_embed_images and llm2clip_embed_texts take, add, fail and commit by
 * themselves. For rows that come from elsewhere call llm2clip_run_take for each input of the list,
 * llm2clip_run_add or llm2clip_run_fail where it was taken, and llm2clip_run_commit_if_due.
 *
 * One thread may take while another adds, fails, counts and commits, and any may ask for notes;
 * nothing else of one run may be called at once. IO for what cannot be written; the chunks that
 * were committed stay, and LLM2CLIP_EXISTING_RESUME goes on after them. */

/* What happens when the output is there already, or an unfinished run to it. */
typedef int32_t llm2clip_existing;
enum {
  LLM2CLIP_EXISTING_REFUSE = 0,   /* LLM2CLIP_IO */
  LLM2CLIP_EXISTING_RESUME = 1,   /* an unfinished run of the same provenance goes on; of a finished
                                     one inputs are compared */
  LLM2CLIP_EXISTING_OVERWRITE = 2 /* both are replaced */
};

/* What the output of a run is. */
typedef int32_t llm2clip_output_layout;
enum {
  LLM2CLIP_LAYOUT_FILE = 0, /* one file, by its ending */
  /* A folder as clip-retrieval's inference writes it: img_emb/img_emb_0000.npy and
   * metadata/metadata_0000.parquet, whose column image_path has the ids. */
  LLM2CLIP_LAYOUT_CLIP_RETRIEVAL_IMAGES = 1,
  LLM2CLIP_LAYOUT_CLIP_RETRIEVAL_TEXTS = 2 /* text_emb/text_emb_0000.npy and a column caption */
};

/* What a run writes, and how often. */
typedef struct llm2clip_run_options {
  size_t struct_size;
  llm2clip_existing existing;            /* about what is there already; refuse */
  llm2clip_stored_precision precision;   /* of chunks and of the final file; float32 */
  size_t dim;                            /* components of a row; yours to set, at least 1 */
  const llm2clip_provenance* provenance; /* what the rows mean: a run is resumed only by one with
                                            the same. No name twice, none that begins with "run." or
                                            "computing." */
  size_t provenance_count;               /* how many */
  const llm2clip_provenance* computing;  /* what changes rounding alone; may differ when resumed */
  size_t computing_count;                /* how many */
  size_t commit_rows;                    /* inputs after which a chunk is written; 4096 */
  uint64_t commit_seconds;               /* time after which a chunk is written; 30 */
  uint32_t shard;                        /* this run's inputs are those of index ... */
  uint32_t shards;                       /* ... i % shards == shard - 1, from 1; 1 of 1 */
  llm2clip_output_layout layout;         /* of the output; file */
  size_t partition_rows;                 /* rows of a partition, where a layout has them; 1000000 */
} llm2clip_run_options;

/* Fills `options` with the defaults. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_options_init(llm2clip_run_options* options,
                                                         size_t struct_size);

/* Begins a run to `path`, a file as of llm2clip_write_embeddings, or goes on with one.
 * INVALID_ARGUMENT for another ending or a shard out of range; IO when the output is there (by
 * `existing`), belongs to a run of other provenance, or is being written by another process. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_open(const char* path, size_t path_length,
                                                 const llm2clip_run_options* options,
                                                 llm2clip_run** run);
/* The first half of its checks, for before a model is loaded. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_check(const char* path, size_t path_length,
                                                  const llm2clip_run_options* options);
/* Provenance and computing of the run to `path` that LLM2CLIP_EXISTING_RESUME would go on with, or
 * of the finished one: keys and values in turn. Empty: there is none. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_recorded(const char* path, size_t path_length,
                                                     const llm2clip_run_options* options,
                                                     llm2clip_strings** recorded);
/* What a run to `path` writes beside it, whatever is there: its folder, then the files that appear
 * with the output where they are needed. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_files(const char* path, size_t path_length,
                                                  uint32_t shard, uint32_t shards,
                                                  llm2clip_strings** files);

/* Tells of the next input of the list, in its order. `content` identifies it beside its id wherever
 * the list is read: its bytes, or the size of a file; `stamp` tells of a change on this machine
 * alone: the time of a file. `taken` is false where it is another shard's or an earlier process did
 * it; else `index` is what the next two calls get. IO when the final file is there and was made of
 * other inputs. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_take(llm2clip_run* run, const char* id,
                                                 size_t id_length, const char* content,
                                                 size_t content_length, const char* stamp,
                                                 size_t stamp_length, bool* taken, uint64_t* index);
/* The row of an input that was taken; they come in the order of taking, and each once. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_add(llm2clip_run* run, uint64_t index, const float* row,
                                                size_t dim);
/* The input has no row. `failure` needs a code. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_fail(llm2clip_run* run, uint64_t index,
                                                 const llm2clip_failure* failure);
/* Counts something about the input that was added or failed last: "truncated". */
LLM2CLIP_C_API llm2clip_status llm2clip_run_count(llm2clip_run* run, const char* what,
                                                  size_t what_length, uint64_t more);
/* Writes a chunk when commit_rows or commit_seconds say so, or ids and messages pass 32 MiB. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_commit_if_due(llm2clip_run* run);
/* Writes a chunk of what was added since the last one. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_commit(llm2clip_run* run);
/* After the last input, once: commits and, where `shards` is 1, writes the final file, its
 * .run.json (provenance, summary, SHA-256) and, where inputs failed, its .errors.jsonl, and removes
 * the folder. Otherwise the folder waits for llm2clip_merge_runs. `summary` may be NULL. IO when an
 * earlier process saw more inputs than there are now, or finished with others. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_finish(llm2clip_run* run, llm2clip_summary** summary);

/* An earlier process has finished: inputs are compared with those that it had. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_complete(const llm2clip_run* run, bool* complete);
/* Of all processes, committed or not. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_summary(const llm2clip_run* run,
                                                    llm2clip_summary** summary);
/* Lines for people, each given once: chunks that were damaged, and inputs that changed since an
 * earlier process and are embedded again. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_notes(llm2clip_run* run, llm2clip_strings** notes);
/* A line for people about what is less safe here than elsewhere: a file system without flock.
 * Empty: nothing is. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_warning(const llm2clip_run* run,
                                                    llm2clip_bytes** warning);
/* The folder of chunks. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_folder(const llm2clip_run* run,
                                                   llm2clip_bytes** folder);
/* Without llm2clip_run_finish the folder stays for a later process; where nothing was committed it
 * goes. */
LLM2CLIP_C_API llm2clip_status llm2clip_run_free(llm2clip_run* run);

/* Joins the finished runs of all shards into one output, rows in the order of inputs, and removes
 * their folders. No folders: those beside `path`, which must be of one set. `summary` may be NULL.
 * IO when a shard is missing, unfinished, damaged, being written, or of other provenance or another
 * list. */
LLM2CLIP_C_API llm2clip_status llm2clip_merge_runs(const char* path, size_t path_length,
                                                   const llm2clip_string* folders,
                                                   size_t folder_count, bool overwrite,
                                                   llm2clip_summary** summary);

/* Makes a file of each shard instead: "rows-00002-of-00008.npy" has the second's of "rows.npy", its
 * rows in the order of its inputs, with its own .run.json and .errors.jsonl beside it. Each folder
 * goes when its file is there; a merge that was stopped is finished by the same call. Otherwise as
 * llm2clip_merge_runs; `overwrite` is about the files of shards. */
LLM2CLIP_C_API llm2clip_status llm2clip_merge_runs_to_chunks(const char* path, size_t path_length,
                                                             const llm2clip_string* folders,
                                                             size_t folder_count, bool overwrite,
                                                             llm2clip_summary** summary);

/* ---- Log ---- */

/* How much a message matters. */
typedef int32_t llm2clip_log_level;
enum {
  LLM2CLIP_LOG_DEBUG = 0,  /* each file that is hashed, each batch and its readback */
  LLM2CLIP_LOG_INFO = 1,   /* a model is loaded, a call has encoded its inputs */
  LLM2CLIP_LOG_WARNING = 2 /* it works, but not as well as it could */
};

/* Gets one line without its end; a zero follows it, which length does not count. Called from the
 * threads that load and encode, from several at once where there are several, and while a model is
 * busy: it must not encode with it. */
typedef void (*llm2clip_log_callback)(llm2clip_log_level level, const char* message, size_t length,
                                      void* user_data);

/* Sets the callback that gets the library's messages, for the whole process; NULL ends them.
 * Messages below `least` are dropped. `user_data` must live until another
 * callback was set and every call that was under way then has returned. */
LLM2CLIP_C_API llm2clip_status llm2clip_set_log_callback(llm2clip_log_callback callback,
                                                         void* user_data, llm2clip_log_level least);

/* ---- Verification ---- */

/* How one stage compares with the reference's values. */
typedef struct llm2clip_stage {
  size_t struct_size;
  llm2clip_string name;    /* "pixels", "token ids", ...; borrowed from the report */
  size_t values;           /* how many numbers were compared */
  double largest_error;    /* max |ours - reference| / max |reference| */
  double cosine;           /* the smallest over the rows */
  double allowed_error;    /* negative: not judged */
  double least_cosine;     /* negative: not judged */
  bool ok;                 /* within both */
  double reference_cosine; /* the reference's own in the same half precision; NaN: not known */
  double median_cosine;    /* of the rows, in a half precision; NaN: not known */
  double reference_median; /* the reference's own; NaN: not known */
  double least_median;     /* negative: not judged */
} llm2clip_stage;

/* Recomputes the goldens of a model directory. `options` may be NULL. A stage that differs is not a
 * failure of the call: look at the stages. Fails as llm2clip_model_load does. */
LLM2CLIP_C_API llm2clip_status llm2clip_verify(const char* directory, size_t directory_length,
                                               const llm2clip_load_options* options,
                                               llm2clip_report** report);
/* `ok`: whether every stage is. */
LLM2CLIP_C_API llm2clip_status llm2clip_report_view(const llm2clip_report* report,
                                                    size_t* stage_count, bool* ok);
/* `struct_size` is sizeof *stage. */
LLM2CLIP_C_API llm2clip_status llm2clip_report_stage(const llm2clip_report* report, size_t index,
                                                     llm2clip_stage* stage, size_t struct_size);
LLM2CLIP_C_API llm2clip_status llm2clip_report_free(llm2clip_report* report);

/* Checks size and SHA-256 of every file the manifest names. BAD_MODEL naming the first that
 * differs. */
LLM2CLIP_C_API llm2clip_status llm2clip_verify_files(const char* directory,
                                                     size_t directory_length);

/* ---- indexes */

/* An index is a folder of rows with ids, which are searched. What is committed is there whole or
 * not at all, whatever kills the writer; a reader has the index as it was when it was opened; two
 * writers exclude each other. */

/* How an index is searched. */
typedef int32_t llm2clip_index_kind;
enum {
  LLM2CLIP_INDEX_AS_IS = 0, /* of a writer: as the index is; a new one is exact */
  LLM2CLIP_INDEX_EXACT = 1, /* every row is looked at */
  LLM2CLIP_INDEX_HNSW = 2   /* links among rows lead to the nearest ones; a few may be missed */
};

/* What a look at every row reads. */
typedef int32_t llm2clip_index_scan;
enum {
  LLM2CLIP_SCAN_AS_IS = 0,   /* of a writer: as the index is; a new one reads float16 */
  LLM2CLIP_SCAN_FLOAT16 = 1, /* the rows as they are stored */
  LLM2CLIP_SCAN_INT8 = 2     /* copies of half the size, with the same results */
};

/* What an index holds, and how often it is written. */
typedef struct llm2clip_index_options {
  size_t struct_size;
  size_t dim; /* components of a row; 0: an index that is there is changed, whatever its rows are */
  const llm2clip_provenance* provenance; /* what the rows mean; an index that is there must have the
                                            same, unless dim is 0 */
  size_t provenance_count;               /* how many */
  size_t commit_rows;                    /* changes after which commit_if_due commits; 4096 */
  uint64_t commit_seconds;               /* time after which it does; 30 */
  llm2clip_index_kind kind;              /* as is */
  llm2clip_index_scan scan;              /* as is */
  int32_t thumbnail_side; /* pixels of the longer side of thumbnails, which llm2clip_embed_images
                             makes for the index; 0: as in an index that is there, or none */
} llm2clip_index_options;

/* Fills `options` with the defaults. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_options_init(llm2clip_index_options* options,
                                                           size_t struct_size);

/* Which rows a search gives. */
typedef struct llm2clip_search_options {
  size_t struct_size;
  size_t top_k;           /* the best so many; 0: all that the others leave; 10 */
  float min_score;        /* none with a lower score; -INFINITY */
  llm2clip_string filter; /* a pattern of the shell that ids match; empty: all */
  size_t threads;         /* that search; 0: one for each processor */
  bool exact;             /* look at every row, where the index is of kind hnsw, too; false */
} llm2clip_search_options;

/* Fills `options` with the defaults. */
LLM2CLIP_C_API llm2clip_status llm2clip_search_options_init(llm2clip_search_options* options,
                                                            size_t struct_size);

/* One row that was found. */
typedef struct llm2clip_index_hit {
  uint64_t row;       /* its number in the index */
  float score;        /* dot product of query and row */
  llm2clip_string id; /* borrowed from the hits */
} llm2clip_index_hit;

/* Opens the index in the folder `path`. UNREADABLE_INPUT when there is none, or it is damaged. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_open(const char* path, size_t path_length,
                                                   llm2clip_index** index);
/* How many rows there are, their components, and the number below which theirs are; removed rows
 * leave gaps. Each may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_view(const llm2clip_index* index, uint64_t* rows,
                                                   size_t* dim, uint64_t* row_limit);
/* Of the writer: keys and values in turn. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_provenance(const llm2clip_index* index,
                                                         llm2clip_strings** provenance);
/* The kind and scan of an index, and the links of one that is of kind hnsw: how good they are. */
typedef struct llm2clip_index_graph {
  size_t struct_size;
  llm2clip_index_kind kind; /* what a search looks at */
  llm2clip_index_scan scan; /* what a look at every row reads */
  uint64_t rows; /* below this are linked; later ones are all looked at; 0: there are no links */
  uint64_t expansion; /* how many rows a search keeps in view */
  double recall;      /* share of the ten best rows that is found, in a sample */
  uint64_t sampled;   /* how many queries that had */
} llm2clip_index_graph;

/* `struct_size` is sizeof *graph. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_get_graph(const llm2clip_index* index,
                                                        llm2clip_index_graph* graph,
                                                        size_t struct_size);

/* The best rows for each query, best first: a list for each. Every row is looked at, unless the
 * index is of kind hnsw; of equal scores the lower row comes first. `options` may be NULL.
 * INVALID_ARGUMENT for another dim, or for a value that is not finite; UNREADABLE_INPUT where links
 * are needed and damaged. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_search(const llm2clip_index* index,
                                                     const llm2clip_embeddings* queries,
                                                     const llm2clip_search_options* options,
                                                     llm2clip_hits** hits);
/* Groups of rows of which each has a cosine of at least `min_score` with another of its group: a
 * list for each. `options` and `progress` may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_duplicates(const llm2clip_index* index,
                                                         float min_score,
                                                         const llm2clip_search_options* options,
                                                         llm2clip_progress_callback progress,
                                                         void* user_data, llm2clip_hits** groups);
/* The id of a row; `*id` is NULL where the row was removed. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_id(const llm2clip_index* index, uint64_t row,
                                                 llm2clip_bytes** id);
/* The components of a row; `value_count` must be the dim. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_row(const llm2clip_index* index, uint64_t row,
                                                  float* values, size_t value_count);
/* A JPEG file of what a row is of, to look at; `*jpeg` is NULL where none is kept. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_thumbnail(const llm2clip_index* index, uint64_t row,
                                                        llm2clip_bytes** jpeg);
/* The row of an id. `row` may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_find(const llm2clip_index* index, const char* id,
                                                   size_t id_length, bool* found, uint64_t* row);
/* INVALID_ARGUMENT, naming what differs, when rows of the model mean something else. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_check_fits(const llm2clip_index* index,
                                                         const llm2clip_model* model);
/* Compares every file with its SHA-256. UNREADABLE_INPUT naming the first that is damaged. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_verify(const llm2clip_index* index);
LLM2CLIP_C_API llm2clip_status llm2clip_index_free(llm2clip_index* index);

/* How many lists there are. */
LLM2CLIP_C_API llm2clip_status llm2clip_hits_view(const llm2clip_hits* hits, size_t* list_count);
/* One of them, borrowed. `items` and `count` may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_hits_list(const llm2clip_hits* hits, size_t list,
                                                  const llm2clip_index_hit** items, size_t* count);
LLM2CLIP_C_API llm2clip_status llm2clip_hits_free(llm2clip_hits* hits);

/* Changes an index, or makes one. IO when another process writes it, its rows are others, or the
 * folder holds something else. One thread may take while another does all else. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_open(const char* path, size_t path_length,
                                                          const llm2clip_index_options* options,
                                                          llm2clip_index_writer** writer);
/* Tells of the next input of a listing, as llm2clip_run_take does. `taken` is false where the index
 * has its row; else `index` is what one of the next two calls gets. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_take(
    llm2clip_index_writer* writer, const char* id, size_t id_length, const char* content,
    size_t content_length, const char* stamp, size_t stamp_length, bool* taken, uint64_t* index);
/* Takes a container instead of its inputs: a file of several, whose ids are its name and more
 * behind a '/' or '#'. `known`: each has its row, as when end_container was called with the same;
 * nothing need be read. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_take_container(
    llm2clip_index_writer* writer, const char* name, size_t name_length, const char* content,
    size_t content_length, const char* stamp, size_t stamp_length, bool* known);
/* All `inputs` of the container were taken. It is remembered once all have rows. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_end_container(
    llm2clip_index_writer* writer, const char* name, size_t name_length, const char* content,
    size_t content_length, const char* stamp, size_t stamp_length, uint64_t inputs);
/* The row of an input that was taken. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_add_taken(llm2clip_index_writer* writer,
                                                               uint64_t index, const float* row,
                                                               size_t dim);
/* The input has no row; one of an earlier state of it goes. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_fail(llm2clip_index_writer* writer,
                                                          uint64_t index);
/* A row of the program's own; an id that is there gets this row. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_add(llm2clip_index_writer* writer,
                                                         const char* id, size_t id_length,
                                                         const float* row, size_t dim);
/* `removed` may be NULL; false: there is no such id. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_remove(llm2clip_index_writer* writer,
                                                            const char* id, size_t id_length,
                                                            bool* removed);
/* Whether an id is among those that may go. */
typedef bool (*llm2clip_among_callback)(const char* id, size_t id_length, void* user_data);
/* Removes the rows whose ids neither taking nor adding has had since the writer was opened, and for
 * which `among` (NULL: all) is true. `removed`, how many, may be NULL. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_remove_unlisted(llm2clip_index_writer* writer,
                                                                     llm2clip_among_callback among,
                                                                     void* user_data,
                                                                     uint64_t* removed);
/* Commits when commit_rows or commit_seconds say so. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_commit_if_due(llm2clip_index_writer* writer);
/* Brings all changes to the disk. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_commit(llm2clip_index_writer* writer);
/* Commits, and writes all rows into one file without removed ones. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_compact(llm2clip_index_writer* writer);
/* Commits, and where the index is of kind hnsw links the rows that are new, if they are not few.
 * `progress` may be NULL; false ends the call with CANCELLED, and leaves what was committed. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_update_graph(
    llm2clip_index_writer* writer, llm2clip_progress_callback progress, void* user_data);
/* Components of a row. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_dim(const llm2clip_index_writer* writer,
                                                         size_t* dim);

/* Pixels of the longer side that thumbnails are to have; 0: none are kept. */
LLM2CLIP_C_API llm2clip_status
llm2clip_index_writer_thumbnail_side(const llm2clip_index_writer* writer, int32_t* side);

/* What a writer has done since it was opened, committed or not. */
typedef struct llm2clip_index_summary {
  size_t struct_size;
  uint64_t rows;      /* that the index has now */
  uint64_t added;     /* new ids */
  uint64_t replaced;  /* ids that have another row now */
  uint64_t removed;   /* ids that are no longer there */
  uint64_t unchanged; /* inputs that were not taken, and rows that were the same */
} llm2clip_index_summary;

/* `struct_size` is sizeof *summary. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_summary(const llm2clip_index_writer* writer,
                                                             llm2clip_index_summary* summary,
                                                             size_t struct_size);
/* As llm2clip_run_warning. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_warning(const llm2clip_index_writer* writer,
                                                             llm2clip_bytes** warning);
/* What was not committed is lost. */
LLM2CLIP_C_API llm2clip_status llm2clip_index_writer_free(llm2clip_index_writer* writer);

#ifdef __cplusplus
}
#endif

#endif
