#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace llm2clip::cli {

/// An image and what describes it.
struct CaptionedImage {
  std::string image;  ///< path, or the id that a file of rows has for it
  std::vector<std::string> captions;
  std::string place;  ///< "pairs.jsonl:7": for messages
};

/// Which data set, and how much of it.
struct CaptionSource {
  std::string path;                    ///< file, or for urban1k folder
  std::string layout;                  ///< pairs, coco, flickr, sharegpt4v, urban1k or docci
  std::string root;                    ///< where paths of images begin; empty: as they are written
  std::size_t captions_per_image = 0;  ///< the first so many; 0: as the layout's papers take them
};

/// Where a layout has its images when nobody says so: the folder of the file, or one in it.
std::string usual_root(const std::string& path, const std::string& layout);

/// The images of a data set in its order, each once: captions of one that comes again are added to
/// it. Only the part that papers evaluate on is read: see docs/how_to/evaluate.md.
/// Throws Error(unreadable_input) naming the place of what is damaged or missing.
std::vector<CaptionedImage> read_captioned_images(const CaptionSource& source);

}  // namespace llm2clip::cli
