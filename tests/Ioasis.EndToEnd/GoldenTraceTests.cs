using System.Text.RegularExpressions;

namespace Ioasis.EndToEnd;

/// <summary>
/// The trace of each program that the README and its pages show is the one that lies in the folder Traces, but for what
/// differs from run to run.
/// </summary>
public sealed partial class GoldenTraceTests(Workbench bench)
{
    private const string Function = "1000:00:05.0";

    // Drivers with threads of their own map and ring in an order that differs: of those only the calls on VFIO's nodes
    // are compared, and what comes of them.
    private static readonly string[] s_calls = ["-e", "trace=vfio,attach,fault,reset,open"];

    public static TheoryData<string, string[], string[]> Programs => new()
    {
        { "nested_dma.c", [], [] },
        { "sva.c", [], [] },
        { "FirstDma", [], ["nodes"] },
        { "Sva", [], ["nodes"] },
        { "DsaCopy", ["--device", $"dsa@{Function}"], ["nodes"] },
        { "DsaDriver", ["--device", $"dsa@{Function}"], ["info"] },
        { "VdpaFrame", ["--device", "virtio-net@net0,vdpa"], ["nodes"] },
        { "NvmeDriver", [.. s_calls, "--device", $"nvme@{Function},size=64M"], ["verify", "1"] },
        { "VirtioNetDriver", [.. s_calls, "--device", $"virtio-net@{Function}"], ["verify", "10"] },
    };

    [Theory]
    [MemberData(nameof(Programs))]
    public async Task A_program_does_what_it_did(string program, string[] options, string[] arguments)
    {
        string folder = await bench.Scratch(Who.Self), file = Path.Combine(folder, "trace");
        string[] words = program.EndsWith(".c", StringComparison.Ordinal)
            ? [await Build(program, folder)]
            : ["dotnet", Path.Combine(bench.Root, $"artifacts/bin/{program}/release/{program}.dll")];
        (await Execution.Run(
            [bench.Launcher(Who.Self), "trace", "-o", file, .. options, "--", .. words, .. arguments])).MustEnd();
        string expected = Path.Combine(AppContext.BaseDirectory, "Traces", $"{program}.txt");
        bool readsOfBars = program != "VirtioNetDriver"; // which looks at its configuration when that changes
        Assert.Equal(File.ReadAllLines(expected),
            Plain(File.ReadAllLines(file)).Where(l => readsOfBars || !ReadOfBar().IsMatch(l)));
    }

    private async Task<string> Build(string source, string folder)
    {
        string program = Path.Combine(folder, "program");
        (await Execution.Run(["sh", "-c", $"gcc -O2 -I '{bench.Root}/include' $('{bench.Root}/eng/uapi-headers.sh') "
            + $"'{bench.Root}/examples/{source}' -o '{program}'"])).MustEnd();
        return program;
    }

    /// <summary>
    /// The lines without what a run has of its own: processes, descriptors, addresses, bytes that may be addresses, how
    /// often a busy device was asked. The end of a program closes its files in an order of its own, so those lines are
    /// sorted. A device may have its fault before the write that rang the doorbell returns: the write is put first.
    /// </summary>
    private static string[] Plain(string[] lines)
    {
        string[] plain = [.. lines.Select(Plain).Where(l => !Poll().IsMatch(l))];
        for (int i = 1; i < plain.Length - 1; i++)
            if (Begins(i - 1, "doorbell ") && Begins(i, "io_page_fault ") && Begins(i + 1, "PID write("))
                (plain[i], plain[i + 1]) = (plain[i + 1], plain[i]);
        int close = Array.FindIndex(plain, l => l.StartsWith("close ", StringComparison.Ordinal));
        return [.. plain[..close], .. plain[close..].Order(StringComparer.Ordinal)];

        bool Begins(int line, string with) => plain[line].StartsWith(with, StringComparison.Ordinal);
    }

    private static string Plain(string line)
    {
        line = Thread().Replace(line.Trim(), "PID ");
        line = Process().Replace(line, "process=PID");
        line = Address().Replace(line, "ADDRESS");
        line = Used().Replace(line, "$1FD<");
        line = Named().Replace(line, "$1=FD");
        return Bytes().Replace(line, "$1, DATA, ");
    }

    [GeneratedRegex("^[0-9]+ +")]
    private static partial Regex Thread();

    [GeneratedRegex("process=[0-9]+")]
    private static partial Regex Process();

    [GeneratedRegex("0x[57][0-9a-f]{11}")]
    private static partial Regex Address();

    [GeneratedRegex(@"^(PID [a-z]+\()[0-9]+<")]
    private static partial Regex Used();

    [GeneratedRegex(@"\b(iommufd|sva|fd)=[0-9]+")]
    private static partial Regex Named();

    [GeneratedRegex(@"^(PID (?:read|write)\(FD<[^>]*>), [0-9a-f]{16,}(?:\.\.\.)?, ")]
    private static partial Regex Bytes();

    [GeneratedRegex(@"^PID read\(.*, 0[13]000000, 4, bar0\+0x8\)")]
    private static partial Regex Poll();

    [GeneratedRegex(@"^PID read\(.*bar[0-9]\+")]
    private static partial Regex ReadOfBar();
}
