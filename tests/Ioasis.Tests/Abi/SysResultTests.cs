using Ioasis.Abi;

namespace Ioasis.Tests.Abi;

public class SysResultTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(long.MaxValue)]
    public void A_value_is_what_the_kernel_returned(long value)
    {
        var result = SysResult.Ok(value);

        Assert.True(result.IsOk);
        Assert.Equal(value, result.Value);
        Assert.Equal(Errno.None, result.Errno);
        Assert.Equal(value, result.ToKernelValue());
        Assert.Equal(result, SysResult.FromKernelValue(value));
    }

    [Theory]
    [InlineData(Errno.EPERM)]
    [InlineData(Errno.EFTYPE)]
    [InlineData((Errno)4095)]
    public void An_errno_is_negative_for_the_kernel(Errno errno)
    {
        SysResult result = errno;

        Assert.False(result.IsOk);
        Assert.Equal(-1, result.Value);
        Assert.Equal(errno, result.Errno);
        Assert.Equal(-(long)errno, result.ToKernelValue());
        Assert.Equal(result, SysResult.FromKernelValue(-(long)errno));
    }

    [Fact]
    public void No_errno_and_the_default_are_success()
    {
        SysResult none = Errno.None;

        Assert.Equal(SysResult.Ok(), none);
        Assert.Equal(SysResult.Ok(), default);
        Assert.True(none.IsOk);
    }

    [Fact]
    public void Different_results_are_not_equal()
    {
        SysResult invalid = Errno.EINVAL;

        Assert.True(invalid == Errno.EINVAL);
        Assert.True(invalid != Errno.EPERM);
        Assert.True(invalid != SysResult.Ok((long)Errno.EINVAL));
        Assert.False(invalid.Equals((object?)null));
    }

    [Fact]
    public void What_the_kernel_cannot_return_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => SysResult.Ok(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => SysResult.FromKernelValue(-4096));
        Assert.Throws<ArgumentOutOfRangeException>(() => (SysResult)(Errno)(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => (SysResult)(Errno)4096);
    }

    [Fact]
    public void Text_is_the_value_or_the_name_of_the_errno()
    {
        SysResult invalid = Errno.EINVAL;
        SysResult again = Errno.EAGAIN;

        Assert.Equal("42", SysResult.Ok(42).ToString());
        Assert.Equal("-EINVAL", invalid.ToString());
        Assert.Equal("-EAGAIN", again.ToString());
    }
}
