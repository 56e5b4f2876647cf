// Importing tables: exact values and classes in every form that such files have, and a sentence for what is
// wrong.
#include <gmock/gmock.h>

#include "io/dataset/dataset.hpp"
#include "io/hdf5/file.hpp"
#include "io/import/import.hpp"
#include "tests/io/io_test_support.hpp"

namespace annulus::io {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct Imported {
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  std::vector<std::string> classes;
  Extents extents;
};

Imported split_of(const std::string& path, const std::string& split) {
  const Hdf5File file = Hdf5File::open(path);
  return {file.read<float>(split + "/images"), file.read<std::int32_t>(split + "/labels"),
          file.strings_attribute("/", "classes"), file.dataset(split + "/images").info().extents};
}

std::string imported(const std::string& text, const TableOptions& options = {}, std::uint64_t seed = 0) {
  const std::string source = fresh_path("points.csv"), output = fresh_path("points.h5");
  write_text(source, text);
  import_table({.source = source, .output = output, .seed = seed}, options);
  return output;
}

std::string import_error(const std::string& text, const TableOptions& options = {}) {
  return error_of([&] { imported(text, options); });
}

TEST(ImportTable, ReadsNamesValuesAndClasses) {
  const Imported train = split_of(imported("x1,x2,kind\n1,2.5,b\n\n# a note\n-3e2,+.25,a\r\n0,1,b"), "train");

  EXPECT_EQ(train.extents, (Extents{3, 2}));
  EXPECT_THAT(train.values, ElementsAre(1, 2.5f, -300, 0.25f, 0, 1));
  EXPECT_THAT(train.classes, ElementsAre("a", "b"));
  EXPECT_THAT(train.labels, ElementsAre(1, 0, 1));
}

TEST(ImportTable, ReadsEverySeparatorQuotesAndOtherColumns) {
  const TableOptions kind{.label = "kind", .test = "", .test_fraction = 0};
  for (const char* text : {"\xEF\xBB\xBFx;kind;y\n1;\"big; \"\"red\"\"\";2\n3;small;4\n",
                           "\"x\",\"kind\",\"y\"\n1, \"big; \"\"red\"\"\" ,2\n3,small,4\n",
                           "x\tkind\ty\n1\tbig; \"\"red\"\"\t2\n3\tsmall\t4\n"}) {
    const Imported train = split_of(imported(text, kind), "train");
    EXPECT_THAT(train.values, ElementsAre(1, 2, 3, 4)) << text;
    EXPECT_THAT(train.labels, ElementsAre(0, 1)) << text;
  }
  EXPECT_THAT(split_of(imported("1  2 a\n3 4  b\n"), "train").values, ElementsAre(1, 2, 3, 4));
}

TEST(ImportTable, ClassesThatAreNumbersAreInTheirOrder) {
  const Imported train = split_of(imported("0.5,10\n1.5,9\n2.5,10\n"), "train");

  EXPECT_THAT(train.classes, ElementsAre("9", "10"));
  EXPECT_THAT(train.labels, ElementsAre(1, 0, 1));
}

TEST(ImportTable, TestSamplesAreChosenOnceOrComeFromAFile) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += std::to_string(i) + (i < 20 ? ",low\n" : ",high\n");
  const TableOptions quarter{.label = "", .test = "", .test_fraction = 0.25};
  const std::string path = imported(text, quarter, 3);
  const std::string other = fresh_path("test.csv");
  write_text(other, "7,high\n");

  const Imported train = split_of(path, "train"), test = split_of(path, "test");
  const Imported given = split_of(imported(text, {.label = "", .test = other, .test_fraction = 0}), "test");

  EXPECT_EQ(train.values.size(), 30u);
  EXPECT_EQ(test.values.size(), 10u);
  std::vector<float> all = train.values;
  all.insert(all.end(), test.values.begin(), test.values.end());
  std::sort(all.begin(), all.end());
  for (int i = 0; i < 40; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], static_cast<float>(i));
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(test.labels[i], test.values[i] < 20 ? 1 : 0);
  EXPECT_EQ(split_of(imported(text, quarter, 3), "test").values, test.values);
  EXPECT_NE(split_of(imported(text, quarter, 4), "test").values, test.values);
  EXPECT_THAT(given.values, ElementsAre(7));
  EXPECT_THAT(given.labels, ElementsAre(0));
}

/// A table and its test file. @return where both were imported to
std::string imported_with_test(const std::string& text, const std::string& test_text) {
  const std::string test = fresh_path("test.csv");
  write_text(test, test_text);
  return imported(text, {.label = "", .test = test, .test_fraction = 0});
}

TEST(ImportTable, KeepsTheNamesOfColumns) {
  const std::string path = imported("a,b,c,kind\n1,2,3,x\n4,5,6,y\n");

  EXPECT_THAT(Hdf5File::open(path).strings_attribute("train/images", "columns"), ElementsAre("a", "b", "c"));
  EXPECT_FALSE(Hdf5File::open(imported("1,2,3,x\n")).has_attribute("train/images", "columns"));
  const auto source =
      open_dataset({.path = path, .images = "train/images", .labels = "train/labels"}, make_private_memory);
  EXPECT_THAT(source->info().value_names, ElementsAre("a", "b", "c"));
  EXPECT_THAT(Hdf5File::open(imported("\xEF\xBB\xBF"
                                      "a;b;kind\n1;2;x\n3;4;y\n"))
                  .strings_attribute("train/images", "columns"),
              ElementsAre("a", "b"))
      << "the mark of UTF-8 is not of the first name";
}

TEST(ImportTable, KeepsMoreNamesThanAnAttributeHolds) {
  std::string names, row;
  for (int i = 0; i < 5000; ++i) {
    names += "gene" + std::to_string(i) + ",";
    row += std::to_string(i) + ",";
  }
  const std::string path = imported(names + "kind\n" + row + "x\n" + row + "y\n");

  const auto source =
      open_dataset({.path = path, .images = "train/images", .labels = "train/labels"}, make_private_memory);
  ASSERT_EQ(source->info().value_names.size(), 5000u);
  EXPECT_EQ(source->info().value_names[4999], "gene4999");
  EXPECT_EQ(Hdf5File::open(path).dataset("train/images").info().chunk.front(), 838);  // 16 MB of rows
}

TEST(ImportTable, TestColumnsAreTakenByName) {
  const std::string train = "a,b,c,kind\n1,2,3,0\n4,5,6,1\n";
  for (const char* test : {"c,a,b,kind\n9,7,8,1\n12,10,11,0\n", "kind,c,a,b\n1,9,7,8\n0,12,10,11\n"}) {
    const std::string path = imported_with_test(train, test);
    EXPECT_THAT(split_of(path, "train").values, ElementsAre(1, 2, 3, 4, 5, 6)) << test;
    EXPECT_THAT(split_of(path, "test").values, ElementsAre(7, 8, 9, 10, 11, 12)) << test;
    EXPECT_THAT(split_of(path, "test").labels, ElementsAre(1, 0)) << test;
    EXPECT_THAT(Hdf5File::open(path).strings_attribute("test/images", "columns"), ElementsAre("a", "b", "c"));
  }
  EXPECT_THAT(split_of(imported_with_test(train, "7,8,9,0\n"), "test").values, ElementsAre(7, 8, 9));
}

TEST(ImportTable, TestColumnsOfOtherNamesAreRefused) {
  const std::string train = "alpha,beta,kind\n1,2,x\n";

  EXPECT_THAT(error_of([&] { imported_with_test(train, "alpha,betta,kind\n1,2,x\n"); }),
              AllOf(HasSubstr("test.csv: no column of values is called \"beta\""),
                    HasSubstr("Is it \"betta\"?"), HasSubstr("out of")));
  EXPECT_THAT(error_of([&] { imported_with_test(train, "beta,beta,kind\n1,2,x\n"); }),
              HasSubstr("test.csv: two columns are called \"beta\""));
}

TEST(ImportTable, AdvisesToNameTheClassWhereItStandsElsewhere) {
  EXPECT_THAT(import_error("a,kind,b\n1,w,2\n"),
              AllOf(HasSubstr("column 2 (kind) holds \"w\""), HasSubstr("taken from column b"),
                    HasSubstr("add --label kind;")));
  EXPECT_THAT(import_error("1,w,2\n"), AllOf(HasSubstr("column 2 holds \"w\""),
                                             HasSubstr("taken from column 3"), HasSubstr("with --label")));
  EXPECT_THAT(import_error("a,my kind,b\n1,w,2\n"), HasSubstr("add --label \"my kind\""));
  EXPECT_THAT(import_error("a,kind,b\n1,w,2\n", {.label = "b", .test = "", .test_fraction = 0}),
              AllOf(HasSubstr("drop that line"), testing::Not(HasSubstr("--label"))));
}

TEST(ImportTable, NamesWhatIsWrong) {
  const TableOptions label{.label = "knd", .test = "", .test_fraction = 0};
  const auto fraction = [](double share) {
    return TableOptions{.label = "", .test = "", .test_fraction = share};
  };

  EXPECT_THAT(import_error("a,b,c\n1,2,x\n1,2\n"),
              AllOf(HasSubstr("points.csv, line 3: has 2 columns"), HasSubstr("has 3")));
  EXPECT_THAT(import_error("a,b,c\n1,?,x\n"),
              AllOf(HasSubstr("line 2: column 2 (b) holds \"?\""), HasSubstr("drop")));
  EXPECT_THAT(import_error("1;2,5;x\n"), AllOf(HasSubstr("holds \"2,5\""), HasSubstr("not with a comma")));
  EXPECT_THAT(import_error("1,nan,x\n"), HasSubstr("holds \"nan\""));
  EXPECT_THAT(import_error("1,1e99,x\n"), HasSubstr("holds \"1e99\""));
  EXPECT_THAT(import_error("1,2,\n"), HasSubstr("line 1: its class is missing"));
  EXPECT_THAT(import_error("1,\"2,x\n"), HasSubstr("line 1: a quotation mark"));
  EXPECT_THAT(import_error("a,b\n"), HasSubstr("no samples below it"));
  EXPECT_THAT(import_error("\n\n"), HasSubstr("holds no table"));
  EXPECT_THAT(import_error("kind,x\na,1\n", label),
              HasSubstr("no column is called 'knd'. Did you mean kind?"));
  EXPECT_THAT(import_error("a,1\n", label), HasSubstr("its first line holds no names"));
  EXPECT_THAT(import_error("1,a\n2,b\n", fraction(0.1)), HasSubstr("leaves one of the two splits empty"));
  EXPECT_THAT(import_error("1,a\n2,b\n", fraction(1)), HasSubstr("The test fraction is 1"));
  EXPECT_THAT(import_error("1,a\n", {.label = "", .test = "x.csv", .test_fraction = 0.5}),
              HasSubstr("Test samples come from x.csv"));
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "1," + std::to_string(i) + ".5\n";
  EXPECT_THAT(import_error(many), AllOf(HasSubstr("1001 different entries"), HasSubstr("--label")));
}

}  // namespace
}  // namespace annulus::io
