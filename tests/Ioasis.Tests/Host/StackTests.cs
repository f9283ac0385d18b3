using Ioasis.Diagnostics.Stacks;
using Ioasis.Host.Stacks;
using Ioasis.Linux.Unwinding;

namespace Ioasis.Tests.Host;

/// <summary>The parts of stacks that need no program; Ioasis.EndToEnd has programs.</summary>
public sealed class StackTests
{
    [Fact]
    public void AStackIsKeptOnceForEachProgram()
    {
        var depot = new StackDepot(3);
        object one = new(), another = new();
        Assert.Equal(0, depot.Add(one, [1, 2, 3]));
        Assert.Equal(1, depot.Add(one, [1, 2]));
        Assert.Equal(0, depot.Add(one, [1, 2, 3]));
        Assert.Equal(2, depot.Add(another, [1, 2, 3]));
        Assert.Equal(-1, depot.Add(another, [4]));
        Assert.Equal(1, depot.Add(one, [1, 2]));
        Assert.Equal([1UL, 2UL], depot.FramesOf(1).ToArray());
        Assert.Same(another, depot.ProgramOf(2));
    }

    [Fact]
    public void APerfMapNamesTheFunctionAtAnAddress()
    {
        var map = new PerfMap(["1000 10 first", "nonsense", "2000 20 int [a] b::c(int)[Tier0]", "2000 8 again", ""]);
        Assert.True(map.TryFind(0x100f, out string name, out ulong offset));
        Assert.Equal(("first", 0xfUL), (name, offset));
        Assert.False(map.TryFind(0x1010, out _, out _));
        Assert.False(map.TryFind(0xfff, out _, out _));
        Assert.True(map.TryFind(0x2007, out name, out _));
        Assert.Equal("again", name);
        Assert.False(map.TryFind(0x2008, out _, out _)); // the code before is overwritten
    }

    [Fact]
    public void ExecutableMappingsHaveTheBeginOfTheirFile()
    {
        List<CodeMapping> found = CodeMapping.Parse("""
            00400000-00401000 r--p 00000000 fd:00 42                 /tmp/a program
            00401000-00402000 r-xp 00001000 fd:00 42                 /tmp/a program
            7f0000000000-7f0000001000 rwxp 00000000 00:00 0
            7f0000002000-7f0000003000 r-xp 00003000 08:1f 7          /lib/x.so (deleted)
            7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0          [vdso]
            """);
        Assert.Equal(4, found.Count);
        Assert.Equal(new CodeMapping(0x401000, 0x402000, 0x400000, 0x1000, 0xfd, 0, 42, "/tmp/a program"), found[0]);
        Assert.Equal("", found[1].Path);
        Assert.Equal((0x8u, 0x1fu, 7UL), (found[2].DeviceMajor, found[2].DeviceMinor, found[2].Inode));
        Assert.Equal("[vdso]", found[3].Path);
    }

    [Fact]
    public void AFrameIsAsStraceAndAddressSanitizerHaveIt()
    {
        var source = new CodeFrame(0x55d0c2a012a1, "/tmp/p", 0x12a1, new CodeLocation("f", 0x41, "p.c", 15, ["g"]));
        Assert.Equal("/tmp/p(g inlined in f+0x41) [0x12a1] p.c:15", source.ToStrace());
        Assert.Equal("#1 0x55d0c2a012a1 in g inlined in f p.c:15", source.ToSanitizer(1));
        var library = new CodeFrame(
            0x7f15bca1dd6b, "/lib/libc.so.6", 0xfdd6b, new CodeLocation("ioctl", 0x3b, "ioctl.c", 36, []));
        Assert.Equal("#0 0x7f15bca1dd6b in ioctl (/lib/libc.so.6+0xfdd6b)", library.ToSanitizer(0));
        var nameless = new CodeFrame(0x1000, "?", 0x1000, CodeLocation.Unknown, "a note");
        Assert.Equal("?() [0x1000] (a note)", nameless.ToStrace());
        Assert.Equal("#2 0x1000 in ?? (?+0x1000)", nameless.ToSanitizer(2));
    }

    [Theory]
    [InlineData("main", "main")]
    [InlineData("_ZN6stacks7mapping8map_page17h0123456789abcdefE", "stacks::mapping::map_page")]
    [InlineData("_ZN3std2rt10lang_start28_$u7b$$u7b$closure$u7d$$u7d$17h0123456789abcdefE",
        "std::rt::lang_start::{{closure}}")]
    [InlineData("_ZN6stacks6MapperIiE3mapEjPi", "stacks::Mapper<int>::map(unsigned int, int*)")]
    [InlineData("_Znonsense", "_Znonsense")]
    public void NamesAreDemangled(string symbol, string name) => Assert.Equal(name, Demangler.Demangle(symbol));
}
