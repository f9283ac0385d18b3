using Ioasis.Memory;

namespace Ioasis.Tests.Memory;

public sealed class AddressTests
{
    [Fact]
    public void AnAdditionBeyondTheAddressSpaceIsToldNotWrapped()
    {
        Assert.False(new Iova(ulong.MaxValue).TryAdd(1, out _));
        Assert.True(new Iova(ulong.MaxValue - 1).TryAdd(1, out Iova last));
        Assert.Equal(ulong.MaxValue, last.Value);
        Assert.Throws<OverflowException>(() => new Iova(ulong.MaxValue) + 1);
        Assert.Throws<OverflowException>(() => new Hva(1) - new Hva(2));
    }

    [Theory]
    [InlineData(0, 0, false)]
    [InlineData(0, ulong.MaxValue, true)]
    [InlineData(1, ulong.MaxValue, true)]
    [InlineData(2, ulong.MaxValue, false)]
    [InlineData(ulong.MaxValue, 1, true)]
    [InlineData(ulong.MaxValue, 2, false)]
    public void TheLastByteExistsOnlyWithinTheAddressSpace(ulong start, ulong length, bool exists) =>
        Assert.Equal(exists, new Gpa(start).TryLast(length, out _));

    [Fact]
    public void APasidHasTwentyBits()
    {
        Assert.True(Pasid.TryCreate(0xfffff, out Pasid largest));
        Assert.Equal(0xfffffu, largest.Value);
        Assert.False(Pasid.TryCreate(0x100000, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Pasid(0x100000));
    }

    [Theory]
    [InlineData("0000:00:03.0", 0x18u)]
    [InlineData("00:1f.7", 0xffu)]
    [InlineData("abcd:ef:1f.7", 0xabcdefffu)]
    public void ARequesterIdReadsAsSysfsWritesIt(string text, uint value)
    {
        Assert.True(RequesterId.TryParse(text, out RequesterId id));
        Assert.Equal(value, id.Value);
        Assert.EndsWith(text, id.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    [InlineData("00:20.0")]
    [InlineData("00:00.8")]
    [InlineData("0:0:0:0.0")]
    [InlineData("00.0")]
    [InlineData("00:00")]
    [InlineData("00:-1.0")]
    [InlineData("00:00.0 ")]
    public void WhatIsNoRequesterIdIsRefused(string? text) => Assert.False(RequesterId.TryParse(text, out _));
}
