"""What the shared library shows to the programs that link it."""

import re
import shutil

import pytest

import elf

# Functions and classes of ours; of the classes with a vtable, Error alone is thrown to users.
PUBLIC = re.compile(r"llm2clip_\w+$"
                    r"|llm2clip::[\w:~]+(operator=)?(\[abi:cxx11\])?\(.*\)( const)?$"
                    r"|llm2clip::(?P<choice>\w+) llm2clip::from_string<llm2clip::(?P=choice)>\(.*\)$"
                    r"|(vtable|typeinfo|typeinfo name) for llm2clip::Error$")


def test_only_names_of_ours_are_exported(library):
    names = elf.exported(library)
    assert [name for name in names if not PUBLIC.match(name)] == []
    assert [name for name in names if "::Impl::" in name.split("(")[0]] == []


def test_what_users_call_and_catch_is_exported(library):
    names = "\n".join(elf.exported(library))
    for name in ("llm2clip::Model::load(", "llm2clip::Classifier::from_labels(", "llm2clip::Tokenizer::encode(",
                 "llm2clip::read_image(", "llm2clip::NpyWriter::append(", "typeinfo for llm2clip::Error"):
        assert name in names


def test_sentencepiece_is_inside_and_nobody_elses(library):
    assert not any("sentencepiece" in name or "protobuf" in name for name in elf.dynamic(library, "NEEDED"))
    foreign = re.compile(r"\b(sentencepiece|absl|google::protobuf)::|FLAGS_")
    assert [name for name in elf.imported(library) if foreign.search(name)] == []


def test_opencv_is_for_programs_that_want_it(library):
    """llm2clip/opencv.h is a header alone: of OpenCV, and of what it links in turn, nothing is loaded."""
    names = elf.loaded(library)
    assert "libpng16.so.16" in names
    assert [name for name in names if re.match(r"lib(opencv|gdal|poppler|x265)", name)] == []


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="built where FFmpeg is: scripts/setup --test")
def test_ffmpeg_is_loaded_by_the_module_of_films_alone(binary):
    source = binary.parents[2] / "src"
    for file in (binary, binary.parent / "llm2clip-commands.so", source / "libllm2clip.so"):
        assert [name for name in elf.loaded(file) if name.startswith(("libav", "libsw", "libx26"))] == []
    module = source / "libllm2clip-films.so"
    assert {"libavformat.so.59", "libavcodec.so.59", "libswscale.so.6"} <= set(elf.dynamic(module, "NEEDED"))
    assert [name for name in elf.exported(module) if "llm2clip" in name] == ["llm2clip_films_1"]


def test_the_soname_carries_the_minor_version(library):
    assert library.name == "libllm2clip.so.0.2.0"
    assert elf.dynamic(library, "SONAME") == ["libllm2clip.so.0.2"]


def test_the_commands_use_the_library_a_reader_of_archives_and_nothing_behind_them(binary):
    """The program itself uses none: it loads the commands when one is to run."""
    system = re.compile(r"(libstdc\+\+|libm|libgcc_s|libc|ld-linux[\w-]*)\.so")

    def others(file):
        return [name for name in elf.dynamic(file, "NEEDED") if not system.match(name)]

    assert others(binary) == []
    commands = binary.parent / "llm2clip-commands.so"
    assert sorted(others(commands)) == ["libarchive.so.13", "libllm2clip.so.0.2"]
