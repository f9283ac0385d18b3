using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Linux.Files;
using Ioasis.Linux.Memory;
using Ioasis.Memory;
using Ioasis.Units.Vtd;

namespace Ioasis.Bench;

/// <summary>
/// A DMA of 1 MiB into a program's memory, as the supervisor does it: into a memfd, also one of huge pages, compared
/// with memcpy, and into private memory, compared with process_vm_writev.
/// </summary>
internal static class TransferBenchmark
{
    private const int Length = 1 << 20, Repeats = 400, CacheLine = 64;
    private const ulong Iova = 1UL << 32, HugePage = 2 << 20;
    private const uint HugePages = 4 | 21u << 26; // MFD_HUGETLB | MFD_HUGE_2MB

    internal static IEnumerable<Comparison> Run(int rounds)
    {
        using Process program = Process.Start(new ProcessStartInfo(Baselines.Program("transfer"),
                "hold")
        { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        string[] words = program.StandardOutput.ReadLine()!.Split(' ');
        using FileDescriptor directory = SystemCall.OpenDirectory($"/proc/{words[0]}");
        SystemCall.Must(ProcessMemory.TryOpen(int.Parse(words[0], CultureInfo.InvariantCulture), directory, "", null,
                out ProcessMemory? memory));
        MemoryBacking anonymous =
            memory!.Reference(new Hva(ulong.Parse(words[1], CultureInfo.InvariantCulture)), Length, writable: true);
        MemoryBacking shared = MakeFile(0, Length);
        MemoryBacking? huge = MakeFile(HugePages, HugePage);
        if (!huge.TryBring(0, HugePage))
        {
            huge = null;
            Console.Error.WriteLine("No huge page is free: DMA into huge pages is not measured.");
        }

        List<double> ofFile = [], ofHuge = [], ofProgram = [], copies = [], hugeCopies = [], writes = [], pieces = [];
        for (int pass = 0; pass < 4; pass++) // as in a program that has run for a while
        {
            _ = (Best(shared), Best(anonymous));
            Loop.Settle();
        }

        for (int round = 0; round < rounds; round++)
        {
            ofFile.Add(Best(shared));
            if (huge is not null) ofHuge.Add(Best(huge));
            ofProgram.Add(Best(anonymous));
            Dictionary<string, double> theirs = Baselines.Measure(Baselines.Program("transfer"));
            copies.Add(theirs["memcpy of 1 MiB"]);
            if (theirs.TryGetValue("memcpy of 1 MiB into a huge page", out double copy)) hugeCopies.Add(copy);
            writes.Add(theirs["process_vm_writev of 1 MiB"]);
            pieces.Add(theirs["1 MiB through /proc/PID/mem"]);
        }

        program.StandardInput.Close();
        program.WaitForExit();
        yield return new Comparison("DMA of 1 MiB into a program's memfd", Series.Of(ofFile), "memcpy",
            Series.Of(copies))
        { Target = 1.05 };
        if (ofHuge.Count != 0 && hugeCopies.Count != 0)
        {
            yield return new Comparison("DMA of 1 MiB into its file of huge pages", Series.Of(ofHuge), "memcpy",
                Series.Of(hugeCopies))
            { Target = 1.05 };
        }

        yield return new Comparison("DMA of 1 MiB into its private memory", Series.Of(ofProgram), "process_vm_writev",
            Series.Of(writes))
        { Target = 1.2 };
        yield return new Comparison("DMA of 1 MiB into private memory", Series.Of(ofProgram),
            "writes of /proc/PID/mem", Series.Of(pieces))
        { Target = 1.05 };
    }

    /// <summary>A file that may shrink, as that of most programs.</summary>
    private static FileBacking MakeFile(uint flags, ulong length)
    {
        SystemCall.Must(SysFiles.CreateMemfd("bench", FcntlH.MFD_CLOEXEC | flags, out FileDescriptor file));
        using (file)
        {
            SystemCall.Must(SysFiles.Truncate(file, length));
            return FileBacking.Of(file, 0, length, writable: true)!;
        }
    }

    private static double Best(MemoryBacking backing)
    {
        var unit = new VtdUnit("dmar0", new VtdFeatures());
        var endpoint = new Endpoint(new RequesterId(0, 0, 3, 0), unit, new IommuGroup(0));
        var mappings = new MappingTable(4096);
        IommuStatus status = unit.CreatePagingDomain(endpoint, PagingDomainOptions.None, null, mappings,
            out PagingDomain? domain);
        if (status == IommuStatus.Ok) status = endpoint.Attach(null, domain!, null, out _);
        if (status != IommuStatus.Ok || !backing.TryPopulate())
            throw new InvalidOperationException($"The memory cannot be mapped: {status}.");
        backing.AddReference(); // the mapping's
        mappings.Map(new IovaRange(Iova, Iova + Length - 1), backing, 0, MapAccess.ReadWrite);
        using DmaPort port = endpoint.OpenPort();
        Span<byte> bytes = AtLine(Length);
        bytes.Fill(1);
        double best = double.MaxValue;
        for (int i = 0; i < Repeats; i++)
        {
            long start = Stopwatch.GetTimestamp();
            DmaResult result = port.Write(new Iova(Iova), bytes);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalNanoseconds);
            if (!result.IsOk) throw new InvalidOperationException($"The DMA failed: {result.Reason}.");
        }

        return best;
    }

    /// <summary>Bytes that begin at a cache line, as those of the C and of devices with memory of their own. Other
    /// copies are slower, also in C.</summary>
    private static Span<byte> AtLine(int length)
    {
        byte[] bytes = GC.AllocateArray<byte>(length + CacheLine, pinned: true);
        int before = (int)((ulong)Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0) % CacheLine);
        return bytes.AsSpan(CacheLine - before, length);
    }
}
