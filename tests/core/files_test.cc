// SPDX-License-Identifier: Apache-2.0
#include "sap/core/files.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/shared_folder.h"

namespace sap {
namespace {

using testing::FreshFolder;
using ::testing::HasSubstr;

std::size_t NumEntries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

TEST(WriteFileAtomically, LeavesTheOldFileWhenTheWriterThrows) {
  const fs::path folder = FreshFolder();
  WriteFileAtomically(folder / "a.txt", "old");
  EXPECT_THROW(WriteFileAtomically(folder / "a.txt",
                                   [](const fs::path& temporary) {
                                     WriteFileAtomically(temporary, "half");
                                     Fail(ErrorKind::kIo, "the disk is gone");
                                   }),
               Error);
  EXPECT_EQ(ReadFile(folder / "a.txt"), "old");
  EXPECT_EQ(NumEntries(folder), 1U);
}

TEST(WriteFileAtomically, FullDiskIsOneIoErrorAndLosesNothing) {
  const fs::path folder = FreshFolder();
  WriteFileAtomically(folder / "a.txt", "old");
  const pid_t child = fork();
  if (child == 0) {  // a file size limit stands for a full disk
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    try {
      WriteFileAtomically(folder / "a.txt", std::string(100000, 'x'));
    } catch (const Error& error) {
      _exit(ExitCode(error.kind()));
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_EQ(ReadFile(folder / "a.txt"), "old");
  EXPECT_EQ(NumEntries(folder), 1U);
}

TEST(WriteFolderAtomically, RemovesWhatAKilledProcessLeftOfTheSameFolderOnly) {
  const fs::path folder = FreshFolder();
  const auto be_killed_in = [&](const char* name) {
    const pid_t child = fork();
    if (child == 0) {
      WriteFolderAtomically(folder / name, true, [](const fs::path& temporary) {
        WriteFileAtomically(temporary / "half.txt", "half");
        _exit(0);
      });
    }
    waitpid(child, nullptr, 0);
  };
  be_killed_in("case");
  be_killed_in("other-case");
  CreateFolder(folder / fmt::format(".tmp-{}-7-case", getppid()));  // of a process at work
  ASSERT_EQ(NumEntries(folder), 3U);
  WriteFolderAtomically(folder / "case", true, [](const fs::path& temporary) {
    WriteFileAtomically(temporary / "whole.txt", "whole");
  });
  EXPECT_EQ(NumEntries(folder), 3U);  // the case, and what is not its business
  EXPECT_EQ(NumEntries(folder / "case"), 1U);
}

TEST(WriteFolderAtomically, ReplacesWholeOrNotAtAll) {
  const fs::path folder = FreshFolder();
  const auto write = [](const std::string& text) {
    return [text](const fs::path& t) { WriteFileAtomically(t / "f", text); };
  };
  WriteFolderAtomically(folder / "d", false, write("one"));
  EXPECT_THROW(WriteFolderAtomically(folder / "d", false, write("two")), Error);
  WriteFolderAtomically(folder / "d", true, write("three"));
  EXPECT_EQ(ReadFile(folder / "d" / "f"), "three");
  EXPECT_EQ(NumEntries(folder), 1U);
}

TEST(Sha256, EqualsThePublishedVector) {
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(Sha256OfBytes("abc"), expected);  // FIPS 180-2, appendix B.1
  const fs::path file = FreshFolder() / "abc";
  WriteFileAtomically(file, "abc");
  EXPECT_EQ(Sha256OfFile(file), expected);
}

TEST(ReadFile, MessageNamesPathCauseAndStep) {
  try {
    ReadFile("/nonexistent/file");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_THAT(error.what(), HasSubstr("/nonexistent/file"));
    EXPECT_THAT(error.what(), HasSubstr("No such file"));
  }
}

TEST(CreateFolder, BelowAFileIsAnIoError) {
  const fs::path file = FreshFolder() / "file";
  WriteFileAtomically(file, "x");
  EXPECT_THROW(CreateFolder(file / "below"), Error);
}

TEST(FileLock, IsExclusiveBetweenProcesses) {
  const fs::path path = FreshFolder() / "lock";
  FileLock mine;
  ASSERT_TRUE(FileLock::TryLock(path, mine));
  const pid_t child = fork();
  if (child == 0) {
    FileLock theirs;
    _exit(FileLock::TryLock(path, theirs) ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(MappedFile, ShowsTheBytes) {
  const fs::path path = FreshFolder() / "f";
  WriteFileAtomically(path, "abc");
  const MappedFile map(path);
  ASSERT_EQ(map.bytes().size(), 3U);
  EXPECT_EQ(std::to_integer<char>(map.bytes()[2]), 'c');
}

}  // namespace
}  // namespace sap
