#include "check.h"

static void the_demo_equals_its_reference(void) {
  llm2clip_report* report = NULL;
  llm2clip_stage stage;
  size_t count = 0, i;
  bool ok = false;
  CHECK_OK(llm2clip_verify(TEXT(DEMO), NULL, &report));
  CHECK_OK(llm2clip_report_view(report, &count, &ok));
  CHECK(count > 4 && ok);
  for (i = 0; i < count; ++i) {
    CHECK_OK(llm2clip_report_stage(report, i, &stage, sizeof stage));
    CHECK(stage.ok && stage.values > 0 && stage.name.length > 0);
    CHECK(stage.allowed_error < 0 || stage.largest_error <= stage.allowed_error);
  }
  CHECK_OK(llm2clip_report_stage(report, 0, &stage, sizeof stage));
  CHECK(stage.name.length == 6 && memcmp(stage.name.data, "pixels", 6) == 0);
  CHECK_REFUSED(llm2clip_report_stage(report, count, &stage, sizeof stage), "index");
  CHECK_REFUSED(llm2clip_report_stage(report, 0, NULL, sizeof stage), "NULL");
  CHECK_OK(llm2clip_report_free(report));
  CHECK_REFUSED(llm2clip_report_view(report, &count, &ok), "freed before");
}

void test_verify(void) {
  llm2clip_report* report = NULL;
  the_demo_equals_its_reference();
  /* The tiny model has no goldens. */
  CHECK_STATUS(llm2clip_verify(tiny_directory(), strlen(tiny_directory()), NULL, &report),
               LLM2CLIP_BAD_MODEL);
  CHECK_OK(llm2clip_verify_files(TEXT(DEMO)));
  CHECK_STATUS(llm2clip_verify_files(TEXT("docs")), LLM2CLIP_BAD_MODEL);
}
