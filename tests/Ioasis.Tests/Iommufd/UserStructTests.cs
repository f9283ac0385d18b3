using Ioasis.Abi;
using Ioasis.Iommufd.Ioctls;
using Ioasis.Memory;

namespace Ioasis.Tests.Iommufd;

/// <summary>A structure may be longer than we know it; but nobody looks through all of memory for it.</summary>
public sealed class UserStructTests
{
    private const uint Known = 8;

    [Theory]
    [InlineData(Known, Errno.None)]
    [InlineData(4096, Errno.None)]
    [InlineData(UserStruct.Most + Known, Errno.None)]
    [InlineData(UserStruct.Most + Known + 1, Errno.E2BIG)]
    [InlineData(uint.MaxValue, Errno.E2BIG)]
    public void ZerosAreLookedThroughUpToABound(uint size, Errno expected)
    {
        var zeros = new Zeros(size);
        Assert.Equal(expected, UserStruct.Read(new StructMemory(zeros, 0, Known), 4, out ulong value,
                out uint userSize));
        Assert.Equal((size, (ulong)size), (userSize, value));
        Assert.InRange(zeros.Read, Known, UserStruct.Most + (2 * Known));
    }

    [Theory]
    [InlineData(4096, Errno.None)]
    [InlineData(uint.MaxValue, Errno.E2BIG)]
    public void ThatGoesForStructuresWhoseSizeStandsElsewhere(uint size, Errno expected)
    {
        var zeros = new Zeros(0);
        Assert.Equal(expected, UserStruct.Read(zeros, 0, size, out ulong _));
        Assert.InRange(zeros.Read, 0UL, UserStruct.Most + Known);
    }

    [Fact]
    public void WhatIsNotThereIsFoundFirst() =>
        Assert.Equal(Errno.EFAULT, UserStruct.Read(new StructMemory(new Zeros(uint.MaxValue) { End = 4096 }, 0, Known),
            4, out ulong _, out _));

    // Memory without end that is zero, but for a size at its begin. It counts what is read of it.
    private sealed class Zeros(uint size) : AddressSpace
    {
        public ulong Read { get; private set; }

        public ulong End { get; init; } = ulong.MaxValue;

        public override bool TryRead(Hva source, Span<byte> destination)
        {
            if (source.Value + (uint)destination.Length > End) return false;
            Read += (uint)destination.Length;
            destination.Clear();
            if (source.Value == 0) BitConverter.TryWriteBytes(destination, size);
            return true;
        }

        public override bool TryWrite(Hva destination, ReadOnlySpan<byte> source) => false;

        internal override MemoryBacking Reference(Hva start, ulong length, bool writable) =>
            throw new NotSupportedException();
    }
}
