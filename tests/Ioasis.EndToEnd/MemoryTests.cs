namespace Ioasis.EndToEnd;

/// <summary>Memory of programs that devices may have, may not, or have to wait for.</summary>
public sealed class MemoryTests(Workbench bench)
{
    private const int NoUserfaultfd = 77;

    [Theory]
    [InlineData(Who.Self)]
    [InlineData(Who.Nobody)]
    public async Task What_can_be_pinned_can_be_mapped_and_nothing_else(Who who)
    {
        string folder = await bench.Scratch(who);
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, bench.Client("pinnable"),
                Machine.DmaTest, folder)))
            .MustEnd().MustSay("memory of every kind: ok", "the kernel's own: ok", "pinnable: all as it must be");
    }

    [Fact]
    public async Task Who_needs_a_page_that_has_to_be_brought_waits_and_nobody_else()
    {
        Ending ending = await Execution.Run(
            bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("missing_pages"), Machine.DmaTest));
        Assert.SkipWhen(ending.Code == NoUserfaultfd, ending.Output);
        ending.MustEnd().MustSay(
            "a map waits: ok", "a device waits: ok", "an unmap does not wait: ok", "neither do reset and close: ok",
            "a killed program holds nothing: ok",
            "missing_pages: all as it must be");
    }

    [Fact]
    public async Task A_device_gets_no_more_of_a_file_than_its_program_has()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "A file of another user takes another user.");
        string file = $"/dev/shm/{Guid.NewGuid():N}";
        (await Execution.Run(["truncate", "-s", "4096", file])).MustEnd();
        try
        {
            (await Execution.Run(["chmod", "644", file])).MustEnd();
            // The supervisor may write it: it is the program that may not. The nodes are made anybody's first, as they
            // are root's.
            (await Execution.Run(bench.UnderIoasis(
                Who.Self, Machine.Devices,
                ["sh", "-c", "chmod 666 /dev/vfio/devices/vfio*; exec \"$@\"", "sh", .. Workbench.As(Who.Nobody),
                bench.Client("file_rights"), Machine.DmaTest, file])))
                .MustEnd().MustSay("file_rights: all as it must be");
        }
        finally
        {
            File.Delete(file);
        }
    }
}
