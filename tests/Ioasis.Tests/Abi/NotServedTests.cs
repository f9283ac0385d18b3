using System.Reflection;
using Ioasis.Abi;

namespace Ioasis.Tests.Abi;

public class NotServedTests
{
    [Fact]
    public void Every_entry_is_a_name_of_Linux_with_a_reason_and_without_a_twin()
    {
        var linux = Headers.All.Select(h => GoldenHeader.Load(h.Golden))
            .SelectMany(g => g.Constants.Keys.Concat(g.Structs.Keys)).ToHashSet();
        var ours = Headers.All.SelectMany(h => Headers.ConstantsOf(h.Constants).Keys)
            .Concat(typeof(NotServed)
                .Assembly.GetTypes().Select(t => t.GetCustomAttribute<LinuxStructAttribute>()?.Name).OfType<string>())
            .ToHashSet();

        Assert.NotEmpty(NotServed.All);
        Mismatches.AssertNone(
        [
            .. NotServed.All.Where(n => !linux.Contains(n.LinuxName))
            .Select(n => $"{n.LinuxName}: Linux has no such name"),
            .. NotServed.All.Where(n => string.IsNullOrWhiteSpace(n.Reason)).Select(n => $"{n.LinuxName}: no reason"),
            .. NotServed.All.Where(n => ours.Contains(n.LinuxName)).Select(n => $"{n.LinuxName}: has a twin in C#"),
            .. NotServed.All.CountBy(n => n.LinuxName)
                .Where(n => n.Value > 1).Select(n => $"{n.Key}: {n.Value} entries"),
        ]);
    }
}
