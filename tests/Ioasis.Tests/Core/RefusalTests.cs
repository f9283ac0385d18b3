using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Observation;
using Ioasis.Iommufd;

namespace Ioasis.Tests.Core;

/// <summary>A refusal has its sentence where it is listened to, and costs nothing elsewhere.</summary>
public sealed class RefusalTests
{
    [Fact]
    public void ASentenceBelongsToTheErrnoThatItExplains()
    {
        bool wasHeard = Refusal.Begin();
        Assert.Equal(Errno.EINVAL, Errno.EINVAL.Because($"the IOVA is 0x{0x1001:x}"));
        Assert.Equal("the IOVA is 0x1001", Refusal.WhyOf((int)Errno.EINVAL));
        Assert.Null(Refusal.WhyOf((int)Errno.EBUSY));
        Assert.Equal(Errno.EBUSY, Errno.EBUSY.Because("it is in use"));
        Assert.Null(Refusal.WhyOf((int)Errno.EINVAL));
        Assert.Equal(Errno.EFAULT, Errno.EFAULT.As(Errno.EBUSY));
        Assert.Equal("it is in use", Refusal.WhyOf((int)Errno.EFAULT));
        Assert.Equal(IommuStatus.Busy, IommuStatus.Busy.Because($"{2} devices use it"));
        Assert.Equal("2 devices use it", Refusal.WhyOf(-(int)IommuStatus.Busy));
        Assert.Null(Refusal.WhyOf((int)IommuStatus.Busy)); // an errno of the same number
        Refusal.End(wasHeard);
        Assert.Equal("2 devices use it", Refusal.WhyOf(-(int)IommuStatus.Busy));
        Refusal.End(Refusal.Begin());
        Assert.Null(Refusal.WhyOf(-(int)IommuStatus.Busy));
    }

    [Fact]
    public void NothingIsFormattedOrAllocatedWhereNobodyListens()
    {
        Assert.False(Refusal.IsHeard);
        var counted = new Counted();
        Assert.Equal(Errno.EINVAL, Errno.EINVAL.Because($"{counted} is wrong"));
        ulong value = 0x1001;
        Allocation.None(() =>
        {
            _ = Errno.EINVAL.Because($"0x{value:x} is not 0x{value + 1:x}");
            _ = Errno.EINVAL.Because("a constant");
            _ = IommuStatus.Busy.Because($"{value}");
        });
        Assert.Equal(0, counted.Times);
        bool wasHeard = Refusal.Begin();
        _ = Errno.EINVAL.Because($"{counted} is wrong");
        Refusal.End(wasHeard);
        Assert.Equal(("1 is wrong", 1), (Refusal.WhyOf((int)Errno.EINVAL), counted.Times));
    }

    [Fact]
    public void AThreadHearsItsOwnRefusalsOnly()
    {
        bool wasHeard = Refusal.Begin();
        var other = new Thread(() => _ = Errno.EINVAL.Because("another thread's"));
        other.Start();
        other.Join();
        Assert.Null(Refusal.WhyOf((int)Errno.EINVAL));
        bool inner = Refusal.Begin(); // a call within a call
        Assert.True(inner);
        Refusal.End(inner);
        Assert.True(Refusal.IsHeard);
        Refusal.End(wasHeard);
        Assert.False(Refusal.IsHeard);
    }

    private sealed class Counted
    {
        internal int Times { get; private set; }

        public override string ToString() => $"{++Times}";
    }
}
