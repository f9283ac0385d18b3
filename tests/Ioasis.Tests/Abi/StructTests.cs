using System.Reflection;
using Ioasis.Abi;

namespace Ioasis.Tests.Abi;

/// <summary>Every struct of Linux's headers has a C# twin with the same bytes, or a reason why not.</summary>
public class StructTests
{
    private static readonly ILookup<string, Type> s_twins = typeof(LinuxStructAttribute).Assembly.GetTypes()
        .Where(t => t.GetCustomAttribute<LinuxStructAttribute>() is not null)
        .ToLookup(t => t.GetCustomAttribute<LinuxStructAttribute>()!.Name);

    private static readonly HashSet<string> s_notServedNames = [.. NotServed.All.Select(n => n.LinuxName)];

    [Theory]
    [InlineData("iommufd")]
    [InlineData("vfio")]
    [InlineData("seccomp")]
    [InlineData("kvm")]
    [InlineData("vhost")]
    public void Every_struct_has_a_twin_with_the_same_layout(string header)
    {
        var served = GoldenHeader.Load(header).Structs.Values.Where(s => !s_notServedNames.Contains(s.Name)).ToList();
        Assert.NotEmpty(served);
        Mismatches.AssertNone(served.SelectMany(Compare));
    }

    [Fact]
    public void Every_twin_mirrors_a_struct_of_Linux()
    {
        var linux = Headers.All.SelectMany(h => GoldenHeader.Load(h.Golden).Structs.Keys).ToHashSet();
        Mismatches.AssertNone(s_twins.Where(t => !linux.Contains(t.Key))
            .Select(t => $"{t.First().Name}: Linux has no struct {t.Key}"));
    }

    private static IEnumerable<string> Compare(GoldenStruct linux)
    {
        var types = s_twins[linux.Name].ToList();
        if (types is not [var type])
            return [$"{linux.Name}: {types.Count} structs in C#, expected 1 (or an entry in NotServed)"];

        List<string> wrong = [];
        if (type.Name != LinuxNames.Pascal(linux.Name))
            wrong.Add($"{linux.Name}: is called {type.Name}, expected {LinuxNames.Pascal(linux.Name)}");
        if (!type.IsPublic || !type.IsValueType || type.IsAutoLayout)
            wrong.Add($"{linux.Name}: {type.Name} is not a public struct with a fixed layout");
        if (ManagedLayout.SizeOf(type) != linux.Size)
            wrong.Add($"{linux.Name}: has {ManagedLayout.SizeOf(type)} bytes, expected {linux.Size}");

        var fields = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).ToList();
        foreach (var expected in linux.Fields.Where(f => f.Size != 0))
        {
            var field = fields.Find(f => IsTwin(f, expected.Name));
            if (field is null)
            {
                wrong.Add($"{linux.Name}.{expected.Name}: no such field in {type.Name}");
                continue;
            }

            fields.Remove(field);
            if (!field.IsPublic || field.IsInitOnly)
                wrong.Add($"{linux.Name}.{expected.Name}: not a mutable public field");
            var (offset, size) = ManagedLayout.Locate(field);
            if ((offset, size) != (expected.Offset, expected.Size))
                wrong.Add($"{linux.Name}.{expected.Name}: "
                    + $"{size} bytes at {offset}, expected {expected.Size} at {expected.Offset}");
        }

        wrong.AddRange(fields.Select(f => $"{linux.Name}: Linux has no field for {type.Name}.{f.Name}"));
        return wrong;
    }

    private static bool IsTwin(FieldInfo field, string linuxName) =>
        field.GetCustomAttribute<LinuxFieldAttribute>() is { } named
            ? named.Name == linuxName
            : !linuxName.StartsWith('_') && field.Name == LinuxNames.Pascal(linuxName);
}
