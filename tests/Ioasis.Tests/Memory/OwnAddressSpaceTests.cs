using Ioasis.Memory;

namespace Ioasis.Tests.Memory;

public sealed class OwnAddressSpaceTests
{
    private readonly OwnAddressSpace _space = new();

    [Fact]
    public void OnlyBytesOfBlocksCanBeReached()
    {
        HostBlock block = _space.Allocate(8192);
        var start = new Hva((ulong)block.Address);
        byte[] bytes = [1, 2, 3, 4];
        Assert.True(_space.TryWrite(start + 8188, bytes));
        Assert.False(_space.TryWrite(start + 8189, bytes));
        Assert.False(_space.TryRead(new Hva(start.Value - 1), bytes));
        Assert.False(_space.TryRead(new Hva(0), bytes));
        Assert.False(_space.TryRead(new Hva(ulong.MaxValue - 1), bytes));

        byte[] read = new byte[4];
        Assert.True(_space.TryRead(start + 8188, read));
        Assert.Equal([1, 2, 3, 4], read);
        _space.Free(block);
        Assert.False(_space.TryRead(start, read));
    }

    [Fact]
    public void PopulatedMemoryOutlivesItsOwnersFree()
    {
        HostBlock block = _space.Allocate(4096);
        block.Write(16, 0x1122334455667788UL);
        MemoryBacking backing = _space.Reference(new Hva((ulong)block.Address), 4096, writable: true);
        Assert.Equal(0, backing.DirectAddress);
        Assert.True(backing.TryPopulate());
        _space.Free(block);
        byte[] read = new byte[8];
        HostMemory.Read(backing.DirectAddress + 16, read);
        Assert.Equal(0x1122334455667788UL, BitConverter.ToUInt64(read));
        backing.Release();
    }

    [Fact]
    public void MemoryThatIsNotThereCannotBePopulated()
    {
        MemoryBacking backing = _space.Reference(new Hva(0x1000), 4096, writable: false);
        Assert.False(backing.TryPopulate());
        Assert.False(backing.TryRead(0, new byte[1]));
        backing.Release();
    }
}
