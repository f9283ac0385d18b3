using Ioasis.Devices.Blocks;

namespace Ioasis.Tests.Devices.Blocks;

/// <summary>Blocks in a file.</summary>
public sealed class FileBlockStoreTests : IDisposable
{
    private const int Size = 1 << 20;
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData(0, Size)]
    [InlineData(4096, Size - 8192)]
    [InlineData(100, 1)]
    public void EraseLeavesZerosAndNothingElseChanges(int offset, int count)
    {
        var written = new byte[Size];
        Array.Fill(written, (byte)0x5a);
        File.WriteAllBytes(_path, written);
        using (var store = new FileBlockStore(_path, null, readOnly: false)) store.Erase(offset, count);
        written.AsSpan(offset, count).Clear();
        Assert.Equal(written, File.ReadAllBytes(_path));
    }
}
