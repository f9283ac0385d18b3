namespace Ioasis.EndToEnd;

/// <summary>Programs whose files lose pages while devices use them.</summary>
[Collection(nameof(HugePages))]
public sealed class LostPageTests(Workbench bench)
{
    [Theory]
    [InlineData(Who.Self, Machine.Edu)]
    [InlineData(Who.Self, Machine.DmaTest)]
    [InlineData(Who.Nobody, Machine.DmaTest)]
    public async Task A_device_goes_on_with_pages_that_its_file_has_lost(Who who, string device) =>
        (await Execution.Run(bench.UnderIoasis(who, Machine.Devices, bench.Client("lost_pages"), device)))
            .MustEnd().MustSay(
                "a memfd that is truncated: ok", "a file of huge pages that is truncated: ok",
                "truncations under a DMA: ok", "a file system without space: ok", "lost_pages: all as it must be");
}
