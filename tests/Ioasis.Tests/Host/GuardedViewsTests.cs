using System.Diagnostics;
using System.Globalization;
using Ioasis.Abi;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using static Ioasis.Tests.Host.BackingFiles;

namespace Ioasis.Tests.Host;

/// <summary>A file that loses pages under our accesses costs nobody anything but these pages.</summary>
public sealed class GuardedViewsTests
{
    private const ulong Page = 4096, Gigantic = 1UL << 30;

    // MFD_HUGETLB | MFD_HUGE_1GB. Nobody sets gigantic pages aside, so no page of such a file can be had.
    private const uint GiganticPages = 4 | 30u << 26;

    [Fact]
    public void ALostPageIsReplacedByOneThatBelongsToNoFile()
    {
        using FileDescriptor file = MakeMemfd(4 * Page);
        FileBacking backing = Populated(file, 0, 4 * Page);
        Assert.NotEqual(0, backing.DirectAddress);
        Write(backing, 0, "kept"u8);
        Write(backing, 2 * Page, "lost"u8);
        Assert.Equal(Errno.None, SysFiles.Truncate(file, 2 * Page));
        Assert.Equal(new byte[4], Read(backing, 2 * Page, 4));
        Write(backing, (2 * Page) - 2, "edge"u8); // half of it is in the file
        Write(backing, (4 * Page) - 4, "none"u8);
        Assert.Equal("none"u8.ToArray(), Read(backing, (4 * Page) - 4, 4));
        Assert.Equal("kept"u8.ToArray(), Read(backing, 0, 4));
        Assert.Equal("ed"u8.ToArray(), InFile(file, (2 * Page) - 2, 2));

        // A file that grows again has new pages. They are not those that a device goes on with.
        Assert.Equal(Errno.None, SysFiles.Truncate(file, 4 * Page));
        Assert.True(SysFiles.WriteAt(file, "news"u8, 2 * Page).IsOk);
        Assert.Equal("ge"u8.ToArray(), Read(backing, 2 * Page, 2));
        Assert.Equal(new byte[4], InFile(file, (4 * Page) - 4, 4));
        FileBacking anew = Populated(file, 2 * Page, 2 * Page);
        Assert.Equal("news"u8.ToArray(), Read(anew, 0, 4));
        Write(anew, 0, "both"u8);
        Assert.Equal("both"u8.ToArray(), InFile(file, 2 * Page, 4));
        Assert.Equal("ge"u8.ToArray(), Read(backing, 2 * Page, 2));
        Assert.Equal("kept"u8.ToArray(), Read(backing, 0, 4)); // and what was not lost is still shared
        Assert.True(SysFiles.WriteAt(file, "more"u8, 0).IsOk);
        Assert.Equal("more"u8.ToArray(), Read(backing, 0, 4));

        // Populating anew finds the file's pages, as pinning anew does.
        Assert.True(backing.TryPopulate());
        Assert.Equal("both"u8.ToArray(), Read(backing, 2 * Page, 4));
        anew.Release();
        backing.Release();
    }

    [Fact]
    public void AHoleThatIsPunchedReadsAsZerosAndStaysOfTheFile()
    {
        using FileDescriptor file = MakeMemfd(2 * Page);
        FileBacking backing = Populated(file, 0, 2 * Page);
        Write(backing, Page, "lost"u8);
        Assert.Equal(Errno.None, SysFiles.PunchHole(file, Page, Page));
        Assert.Equal(new byte[4], Read(backing, Page, 4));
        Write(backing, Page, "anew"u8);
        Assert.Equal("anew"u8.ToArray(), InFile(file, Page, 4));
        backing.Release();
    }

    [Fact]
    public void AFileOfHugePagesLosesWholePages()
    {
        using FileDescriptor file = MakeGigantic(3 * Gigantic);
        FileBacking backing = Populated(file, 0, 3 * Gigantic);
        Assert.Equal(Errno.None, SysFiles.Truncate(file, Gigantic));
        Write(backing, (2 * Gigantic) + 100, "lost"u8);
        Write(backing, (2 * Gigantic) - 2, "edge"u8); // in the same mapping of zeros
        Assert.Equal("lost"u8.ToArray(), Read(backing, (2 * Gigantic) + 100, 4));
        Assert.Equal("edge"u8.ToArray(), Read(backing, (2 * Gigantic) - 2, 4));
        Assert.Equal(2, MappingsWithin(backing.DirectAddress, 3 * Gigantic));
        backing.Release();
    }

    [Fact]
    public void APageThatCannotBeHadIsReplacedAlone()
    {
        using FileDescriptor file = MakeGigantic(4 * Gigantic);
        FileBacking backing = Populated(file, 0, 4 * Gigantic);
        Write(backing, Gigantic + 8, "none"u8);
        Assert.Equal("none"u8.ToArray(), Read(backing, Gigantic + 8, 4));
        Assert.Equal(3, MappingsWithin(backing.DirectAddress, 4 * Gigantic));
        Write(backing, 3 * Gigantic, "last"u8);
        Assert.Equal("none"u8.ToArray(), Read(backing, Gigantic + 8, 4));
        Assert.Equal(4, MappingsWithin(backing.DirectAddress, 4 * Gigantic));
        backing.Release();
    }

    [Fact]
    public void ManyPagesThatCannotBeHadTakeFewMappings()
    {
        const ulong Pages = 2 * (BusErrorCode.MostLonePages + 2);
        using FileDescriptor file = MakeGigantic(Pages * Gigantic);
        FileBacking backing = Populated(file, 0, Pages * Gigantic);
        for (ulong page = 0; page < Pages; page += 2)
        {
            Write(backing, (page * Gigantic) + 16, "none"u8);
            Assert.Equal("none"u8.ToArray(), Read(backing, (page * Gigantic) + 16, 4));
            int mappings = MappingsWithin(backing.DirectAddress, Pages * Gigantic);
            Assert.InRange(mappings, 1, (2 * BusErrorCode.MostLonePages) + 1);
        }

        Assert.Equal(1, MappingsWithin(backing.DirectAddress, Pages * Gigantic));
        backing.Release();
    }

    [Fact]
    public void WhoMapsLearnsThatNoPageCanBeHad()
    {
        using FileDescriptor file = MakeGigantic(Gigantic);
        var backing = FileBacking.Of(file, 0, Page, writable: true)!;
        Assert.False(backing.TryBring(0, Page));
        Assert.Equal(MemoryLack.HugePages, backing.Lack);
        backing.Release();
        using FileDescriptor small = MakeMemfd(Page);
        backing = FileBacking.Of(small, 0, Page, writable: true)!;
        Assert.True(backing.TryBring(0, Page));
        Assert.Equal(MemoryLack.None, backing.Lack);
        backing.Release();
    }

    [Fact]
    public void PagesComeAndGoUnderAccessesOfManyThreads()
    {
        const int Threads = 4, Rounds = 200;
        const ulong Pages = 64;
        using FileDescriptor file = MakeMemfd(Pages * Page);
        FileBacking backing = Populated(file, 0, Pages * Page);
        List<FileBacking> all = [backing];
        int passes = 0;
        bool stop = false;
        string? wrong = null;
        void Access(int thread)
        {
            byte[] bytes = new byte[Page];
            byte mine = (byte)(thread + 1);
            while (!Volatile.Read(ref stop))
            {
                FileBacking now = Volatile.Read(ref backing);
                for (ulong page = 1; page < Pages; page++)
                {
                    bytes.AsSpan().Fill(mine);
                    if (!now.TryWrite(page * Page, bytes) || !now.TryRead(page * Page, bytes))
                        wrong = "an access failed";
                    if (bytes.AsSpan(8).ContainsAnyExceptInRange((byte)0, (byte)Threads)) wrong = "a byte of nobody";
                }

                // Nobody takes the first page away: it is the file's at all times.
                if (!now.TryWrite((ulong)(8 * thread), BitConverter.GetBytes((ulong)thread))) wrong = "the first page";
                Interlocked.Increment(ref passes);
            }
        }

        Thread[] threads = [.. Enumerable.Range(0, Threads).Select(i => new Thread(() => Access(i)))];
        foreach (Thread thread in threads) thread.Start();
        for (int round = 0; round < Rounds; round++)
        {
            Assert.Equal(Errno.None, SysFiles.Truncate(file, (ulong)(1 + (round % 7)) * Page));
            int before = Volatile.Read(ref passes);
            if (round % 4 == 0) Until.True(() => Volatile.Read(ref passes) > before + (2 * Threads));
            Assert.Equal(Errno.None, SysFiles.Truncate(file, Pages * Page));

            // A new mapping has the file's pages, whatever became of those of former ones.
            FileBacking anew = Populated(file, 0, Pages * Page);
            if (round % 4 == 0) Assert.NotEqual(backing.DirectAddress, anew.DirectAddress); // its view lost pages
            byte[] text = BitConverter.GetBytes((ulong)round);
            Assert.True(SysFiles.WriteAt(file, text, Page / 2).IsOk);
            Assert.Equal(text, Read(anew, Page / 2, 8));
            Assert.Equal(Errno.None, SysFiles.Truncate(file, (Pages + 1) * Page));
            FileBacking last = Populated(file, Pages * Page, Page); // which no other thread uses
            Assert.True(SysFiles.WriteAt(file, text, Pages * Page).IsOk);
            Assert.Equal(text, Read(last, 0, 8));
            last.Release();
            all.Add(anew);
            Volatile.Write(ref backing, anew);
            if (round % 8 == 0) GC.Collect(); // which stops threads within the handler too
        }

        Volatile.Write(ref stop, true);
        foreach (Thread thread in threads) thread.Join();
        Assert.Null(wrong);
        for (ulong i = 0; i < Threads; i++) Assert.Equal(i, BitConverter.ToUInt64(InFile(file, 8 * i, 8)));
        foreach (FileBacking one in all) one.Release();
    }

    [Fact]
    public void ViewsThatNobodyUsesAreGone()
    {
        using FileDescriptor file = MakeMemfd(2 * Page, "guarded-gone");
        List<FileBacking> backings = [];
        for (int i = 0; i < 40; i++)
        {
            Assert.Equal(Errno.None, SysFiles.Truncate(file, 2 * Page));
            FileBacking backing = Populated(file, 0, 2 * Page);
            Assert.Equal(Errno.None, SysFiles.Truncate(file, Page));
            Write(backing, Page, "lost"u8);
            backings.Add(backing);
        }

        foreach (FileBacking backing in backings)
        {
            Assert.Equal("lost"u8.ToArray(), Read(backing, Page, 4));
            Write(backing, 0, "kept"u8);
        }

        Assert.Equal(40, MappingsOf("memfd:guarded-gone"));
        foreach (FileBacking backing in backings) backing.Release();
        Assert.Equal(0, MappingsOf("memfd:guarded-gone"));
    }

    [Fact]
    public async Task TheRuntimeStillHasTheFaultsOfOthers()
    {
        string self = typeof(GuardedViewsTests).Assembly.Location;
        var start = new ProcessStartInfo(Environment.ProcessPath!)
        {
            ArgumentList =
            {
                self, "-noColor", "-explicit", "only", "-method",
                $"{typeof(GuardedViewsTests).FullName}.{nameof(AFaultOfOthersEndsTheProcess)}"
            },
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process child = Process.Start(start)!;
        Task<string> output = child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string errors = await child.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Contains(ReadyForTheWorst, await output, StringComparison.Ordinal);
        Assert.Contains("AccessViolationException", errors, StringComparison.Ordinal); // the runtime's own report
        Assert.Equal(128 + 6, child.ExitCode); // SIGABRT
    }

    private const string ReadyForTheWorst = "guarded views survive";

    /// <summary>Ends its process, which <see cref="TheRuntimeStillHasTheFaultsOfOthers"/> has started.</summary>
    [Fact(Explicit = true)]
    public void AFaultOfOthersEndsTheProcess()
    {
        using FileDescriptor file = MakeMemfd(2 * Page);
        FileBacking backing = Populated(file, 0, 2 * Page);
        Assert.Equal(Errno.None, MappedFile.TryMap(file, 0, 2 * Page, writable: true, out MappedFile? unguarded));
        Assert.Equal(Errno.None, SysFiles.Truncate(file, Page));
        Write(backing, Page, "lost"u8);
        Console.WriteLine(ReadyForTheWorst);
        unguarded!.Read<ulong>(Page);
    }

    private static FileDescriptor MakeMemfd(ulong size, string name = "guarded")
    {
        Assert.Equal(Errno.None, SysFiles.CreateMemfd(name, FcntlH.MFD_CLOEXEC, out FileDescriptor file));
        Assert.Equal(Errno.None, SysFiles.Truncate(file, size));
        return file;
    }

    private static FileDescriptor MakeGigantic(ulong size)
    {
        Assert.Equal(Errno.None,
            SysFiles.CreateMemfd("guarded-gigantic", FcntlH.MFD_CLOEXEC | GiganticPages, out FileDescriptor file));
        Assert.Equal(Errno.None, SysFiles.Truncate(file, size));
        return file;
    }

    private static FileBacking Populated(FileDescriptor file, ulong start, ulong length)
    {
        var backing = FileBacking.Of(file, start, length, writable: true)!;
        Assert.True(backing.TryPopulate());
        return backing;
    }

    private static int MappingsWithin(nint address, ulong length)
    {
        ulong first = (ulong)address, last = first + (length - 1);
        return File.ReadLines("/proc/self/maps").Count(line =>
        {
            ulong[] ends = [.. line.Split(' ')[0].Split('-')
                .Select(end => ulong.Parse(end, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
            return ends[0] <= last && ends[1] > first;
        });
    }

    private static int MappingsOf(string name) =>
        File.ReadLines("/proc/self/maps").Count(line => line.Contains(name, StringComparison.Ordinal));
}
