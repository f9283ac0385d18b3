using Ioasis.Memory;

namespace Ioasis.Tests.Memory;

public sealed class DeviceIdTests
{
    [Fact]
    public void OnPciItIsARequesterId()
    {
        var requester = new RequesterId(0x1000, 0, 3, 0);
        DeviceId id = requester;
        Assert.Equal((requester, null, "1000:00:03.0"), (id.Requester, id.Name, id.ToString()));
        Assert.Equal(id, new DeviceId(requester));
        Assert.NotEqual(id, new DeviceId("1000:00:03.0"));
    }

    [Fact]
    public void ElsewhereItIsAName()
    {
        var id = new DeviceId("platform.0");
        Assert.Equal((null, "platform.0", "platform.0"), (id.Requester, id.Name, id.ToString()));
        Assert.NotEqual(id, new DeviceId("platform.1"));
        Assert.Throws<ArgumentException>(() => new DeviceId(""));
    }
}
