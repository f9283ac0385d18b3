namespace Ioasis.EndToEnd;

/// <summary>A program that takes all it can get is refused, and harms neither us nor another program.</summary>
public sealed class HoardTests(Workbench bench)
{
    [Theory]
    [InlineData("ioas")]
    [InlineData("mapping")]
    [InlineData("device")]
    [InlineData("memfd")]
    [InlineData("far")]
    [InlineData("pasid")]
    public async Task What_a_program_takes_is_bounded_and_given_back(string kind)
    {
        // Our heap is that of a small machine, 128 MiB, but for PASIDs, of which there are only so many.
        string[] words = bench.UnderIoasis(Who.Self, Machine.Devices, bench.Client("hoard"), Machine.DmaTest, kind);
        string[] small = kind == "pasid" ? [] : ["env", "DOTNET_GCHeapHardLimit=0x8000000"];
        (await Execution.Run([.. small, .. words])).MustEnd().MustSay($"{kind}: ", "hoard: all as it must be");
    }
}
